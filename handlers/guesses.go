package handlers

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// guessMemory is how long a network's last wrong password at an account counts on, and the window of those that all
	// networks together may send to it.
	guessMemory = time.Hour
	// maxGuessWait bounds what a network has to wait for its next try at an account.
	maxGuessWait = 5 * time.Minute
	// maxGuessers bounds the pairs of network and account that are remembered. Each of them has cost a hash.
	maxGuessers = 100_000
)

// guesses slow down the guessing of passwords: of a network at an account, with waits that grow with each wrong password, and
// of all networks together at one account. Only wrong ones count. The owner elsewhere is not hit by the first, nor
// by the second where the account has logged in from before. A nil one slows down nobody.
type guesses struct {
	addresses addressStore
	strangers *quota // wrong passwords at an account, of all networks together

	mu     sync.Mutex
	at     map[guesser]*guessing
	tidied time.Time
}

type addressStore interface {
	// SessionAddresses lists the addresses that the user's sessions were last used from.
	SessionAddresses(ctx context.Context, userID int64) ([]string, error)
}

type guesser struct{ network, account string }

// guessing is what a network has tried at an account.
type guessing struct {
	wrong   int       // since the last right one
	pending int       // tries that are not decided yet
	last    time.Time // of the wrong ones
	until   time.Time // nothing is tried before
}

func newGuesses(on bool, addresses addressStore) *guesses {
	if !on {
		return nil
	}
	return &guesses{
		addresses: addresses, at: map[guesser]*guessing{},
		strangers: newQuota("passwords", models.MaxWrongPasswordsPerHour, guessMemory),
	}
}

// check reports whether match says that a password is right, if the client may try one at the account now. userID is 0
// where there is none of that name, which nobody is to learn.
func (g *guesses) check(w http.ResponseWriter, r *http.Request, account string, userID int64,
	match func() (bool, error)) (right bool, err error) {
	if g == nil {
		return match()
	}
	who := guesser{networkOf(r), account}
	if _, over := g.strangers.add(time.Now(), account, 0); over && !g.knows(r, userID) {
		return false, limited("passwords", guessMemory/models.MaxWrongPasswordsPerHour)
	}
	if wait := g.begin(who); wait > 0 {
		g.tell(w, 0)
		return false, limited("passwords", wait)
	}
	wrong := false
	defer func() { g.tell(w, g.end(who, right, wrong)) }()
	right, err = match()
	wrong = err == nil && !right
	return right, err
}

// knows reports whether the user has a session that was used from the client's network.
func (g *guesses) knows(r *http.Request, userID int64) bool {
	if userID == 0 {
		return false
	}
	list, err := g.addresses.SessionAddresses(r.Context(), userID)
	here := networkOf(r)
	return err == nil && slices.ContainsFunc(list, func(address string) bool {
		ip, err := netip.ParseAddr(address)
		return err == nil && client{ip: ip}.network() == here
	})
}

// begin begins a try, or says how long to wait for it. Once the free ones are gone, one at a time is decided. Until then any
// number is: the owner may log in at many places at once, and no more wrong ones come so than wait for their hashes.
func (g *guesses) begin(who guesser) (wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.tidy(now)
	t := g.at[who]
	switch {
	case t == nil:
		t = &guessing{}
		g.at[who] = t
	case t.pending == 0 && now.Sub(t.last) > guessMemory:
		t.wrong = 0
	case now.Before(t.until):
		return t.until.Sub(now)
	case t.pending > 0 && t.wrong >= models.MaxWrongPasswords:
		return time.Second
	}
	t.pending++
	return 0
}

// end ends a try, and says how many are left before the next wait.
func (g *guesses) end(who guesser, right, wrong bool) (left int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.at[who]
	t.pending--
	switch {
	case right:
		t.wrong, t.until = 0, time.Time{}
	case wrong:
		t.wrong++
		t.last = time.Now()
		if over := t.wrong - models.MaxWrongPasswords; over >= 0 {
			t.until = t.last.Add(min(maxGuessWait, time.Second<<min(over, 20)))
		}
		g.strangers.add(t.last, who.account, 1)
	}
	left = max(0, models.MaxWrongPasswords-t.wrong)
	if t.pending == 0 && t.wrong == 0 {
		delete(g.at, who)
	}
	return left
}

// tidy forgets what counts no more, each minute and whenever there is too much. Should that not be enough, it forgets
// somebody: filling the memory costs far more hashes than it gives back.
func (g *guesses) tidy(now time.Time) {
	full := len(g.at) >= maxGuessers
	if !full && now.Sub(g.tidied) < time.Minute {
		return
	}
	g.tidied = now
	for who, t := range g.at {
		if t.pending == 0 && now.Sub(t.last) > guessMemory {
			delete(g.at, who)
		}
	}
	for who, t := range g.at {
		if len(g.at) < maxGuessers {
			return
		}
		if t.pending == 0 {
			delete(g.at, who)
		}
	}
}

// tell tells how many wrong passwords are left before the client has to wait.
func (g *guesses) tell(w http.ResponseWriter, left int) {
	w.Header().Add("RateLimit-Policy", fmt.Sprintf(`"passwords";q=%d;w=%d`, models.MaxWrongPasswords, int(guessMemory.Seconds())))
	w.Header().Add("RateLimit", fmt.Sprintf(`"passwords";r=%d;t=%d`, left, int(guessMemory.Seconds())))
}
