package limit

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// usedFrom are the addresses that the account has logged in from before.
type usedFrom []string

func (h usedFrom) SessionAddresses(context.Context, int64) ([]string, error) { return h, nil }

// guess tries a password, which is right or wrong, and returns how long the client has to wait instead; 0 if it need
// not.
func (g *Guesses) guess(t *testing.T, from, account string, right bool) (wait time.Duration) {
	t.Helper()
	r := request.With(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", nil),
		&request.Context{Client: request.Client{IP: netip.MustParseAddr(from)}})
	got, err := g.Check(httptest.NewRecorder(), r, account, 1, func() (bool, error) { return right, nil })
	var refused *models.Error
	if errors.As(err, &refused) && refused.Code == models.CodeRateLimited {
		return refused.RetryAfter
	}
	if err != nil || got != right {
		t.Fatalf("from %s at %s: %v, %v", from, account, got, err)
	}
	return 0
}

// TestGuessWaitsGrow sends wrong passwords: they slow down their network at that account, and nobody else.
func TestGuessWaitsGrow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses(true, usedFrom{})
		for range models.MaxWrongPasswords {
			if wait := g.guess(t, "2001:db8::1", "ada", false); wait != 0 {
				t.Fatalf("a try waits %s", wait)
			}
		}
		for _, seconds := range []int{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300} {
			want := time.Duration(seconds) * time.Second
			// Another address of the same network is no way out, nor is the right password.
			if got := g.guess(t, "2001:db8::2", "ada", true); got != want {
				t.Fatalf("the wait is %s, want %s", got, want)
			}
			if g.guess(t, "198.51.100.1", "ada", true) != 0 || g.guess(t, "2001:db8::1", "grace", false) != 0 && seconds == 1 {
				t.Fatal("others wait as well")
			}
			time.Sleep(want) //nolint:forbidigo // the clock of synctest
			g.guess(t, "2001:db8::1", "ada", false)
		}
		time.Sleep(maxGuessWait) //nolint:forbidigo // the clock of synctest
		if g.guess(t, "2001:db8::1", "ada", true) != 0 || g.guess(t, "2001:db8::1", "ada", false) != 0 {
			t.Error("after the right one, a wrong one waits")
		}
		time.Sleep(guessLife + time.Minute) //nolint:forbidigo // the clock of synctest
		g.guess(t, "198.51.100.9", "somebody", true)
		if len(g.at) != 0 {
			t.Errorf("%d are kept for ever", len(g.at))
		}
	})
}

// TestGuessesFromManyNetworks sends wrong passwords from new networks until the limit of the account. Networks that the
// owner has used before are not affected.
func TestGuessesFromManyNetworks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses(true, usedFrom{"203.0.113.7", "2001:db8:7::1"})
		bot := netip.MustParseAddr("10.0.0.0")
		tries := 0
		for ; tries < 2*models.MaxWrongPasswordsPerHour; tries++ {
			bot = bot.Next()
			if g.guess(t, bot.String(), "ada", false) != 0 {
				break
			}
		}
		if tries != models.MaxWrongPasswordsPerHour {
			t.Errorf("%d tries were taken", tries)
		}
		for _, at := range []string{"203.0.113.7", "2001:db8:7::99"} {
			if wait := g.guess(t, at, "ada", true); wait != 0 {
				t.Errorf("the owner at %s waits %s", at, wait)
			}
		}
		if g.guess(t, bot.String(), "grace", true) != 0 {
			t.Error("another account waits as well")
		}
	})
}

// TestOneGuessAtATime uses up the free attempts: after that, only one is decided at a time. Attempts that failed before
// they were decided do not count.
func TestOneGuessAtATime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := NewGuesses(true, usedFrom{})
		from := guesser{"198.51.100.1", "ada"}
		for range 2 * models.MaxWrongPasswords {
			if g.begin(from) != 0 {
				t.Fatal("the owner waits")
			}
		}
		for i := range 2 * models.MaxWrongPasswords {
			g.end(from, false, i < models.MaxWrongPasswords) // the queue was full for the others
		}
		time.Sleep(time.Second) //nolint:forbidigo // the clock of synctest
		if g.begin(from) != 0 || g.begin(from) == 0 {
			t.Error("after so many wrong ones, it is not one at a time")
		}
	})
}
