package limit

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

const (
	// guessLife is how long a network's last wrong password for an account counts, and the window of the limit for all
	// networks together.
	guessLife = time.Hour
	// maxGuessWait bounds how long a network has to wait for its next attempt at an account.
	maxGuessWait = 5 * time.Minute
	// maxGuessers bounds the pairs of network and account in memory. Each of them has cost a hash.
	maxGuessers = 100_000
)

// Guesses slow down the guessing of passwords. There are two limits: for one network at one account, with waits that
// grow with each wrong password, and for all networks together at one account. Only wrong passwords count. The first
// limit does not affect the account's owner in another network, and the second does not affect networks that the
// account has logged in from. A nil *guesses has no limits.
type Guesses struct {
	addresses GuessStore
	all       *quota // wrong passwords at an account, from all networks together

	mu     sync.Mutex
	at     map[guesser]*attempts
	purged time.Time
}

// GuessStore is what Guesses need of the store.
type GuessStore interface {
	// SessionAddresses lists the addresses that the user's sessions were last used from.
	SessionAddresses(ctx context.Context, userID int64) ([]string, error)
}

// guesser is a network that tries passwords at an account.
type guesser struct{ network, account string }

// attempts is what a guesser has tried.
type attempts struct {
	wrong   int       // wrong passwords since the last right one
	pending int       // attempts that are not decided yet
	last    time.Time // when the last password was wrong
	until   time.Time // no attempt is allowed before
}

// NewGuesses makes the limits of the contract, or no limits.
func NewGuesses(on bool, addresses GuessStore) *Guesses {
	if !on {
		return nil
	}
	return &Guesses{
		addresses: addresses, at: map[guesser]*attempts{},
		all: newQuota("passwords", models.MaxWrongPasswordsPerHour, guessLife),
	}
}

// Check calls match, which reports whether a password is right, if the client may try one at the account now; otherwise
// it returns rate_limited. userID is 0 if no such account exists; clients must not notice the difference.
func (g *Guesses) Check(w http.ResponseWriter, r *http.Request, account string, userID int64,
	match func() (bool, error)) (right bool, err error) {
	if g == nil {
		return match()
	}
	from := guesser{request.Network(r), account}
	if _, over := g.all.add(time.Now(), account, 0); over && !g.usedBefore(r, userID) {
		return false, RateLimited("passwords", guessLife/models.MaxWrongPasswordsPerHour)
	}
	if wait := g.begin(from); wait > 0 {
		g.setHeaders(w, 0)
		return false, RateLimited("passwords", wait)
	}
	wrong := false
	defer func() { g.setHeaders(w, g.end(from, right, wrong)) }()
	right, err = match()
	wrong = err == nil && !right
	return right, err
}

// usedBefore reports whether the user has a session that was used from the client's network.
func (g *Guesses) usedBefore(r *http.Request, userID int64) bool {
	if userID == 0 {
		return false
	}
	list, err := g.addresses.SessionAddresses(r.Context(), userID)
	here := request.Network(r)
	return err == nil && slices.ContainsFunc(list, func(address string) bool {
		ip, err := netip.ParseAddr(address)
		return err == nil && request.Client{IP: ip}.Network() == here
	})
}

// begin begins an attempt, or returns how long to wait before it. After the free attempts only one is decided at a
// time. Until then there is no such limit: the owner may log in on many devices at once, and the queue of hashes bounds
// them.
func (g *Guesses) begin(from guesser) (wait time.Duration) {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := time.Now()
	g.purge(now)
	t := g.at[from]
	switch {
	case t == nil:
		t = &attempts{}
		g.at[from] = t
	case t.pending == 0 && now.Sub(t.last) > guessLife:
		t.wrong = 0
	case now.Before(t.until):
		return t.until.Sub(now)
	case t.pending > 0 && t.wrong >= models.MaxWrongPasswords:
		return time.Second
	}
	t.pending++
	return 0
}

// end ends an attempt, and returns how many are left before the next wait.
func (g *Guesses) end(from guesser, right, wrong bool) (left int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	t := g.at[from]
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
		g.all.add(t.last, from.account, 1)
	}
	left = max(0, models.MaxWrongPasswords-t.wrong)
	if t.pending == 0 && t.wrong == 0 {
		delete(g.at, from)
	}
	return left
}

// purge removes attempts that no longer count, every minute and whenever there are too many. If that is not enough, it
// removes others: to fill the map costs an attacker far more hashes than it gains.
func (g *Guesses) purge(now time.Time) {
	full := len(g.at) >= maxGuessers
	if !full && now.Sub(g.purged) < time.Minute {
		return
	}
	g.purged = now
	for from, t := range g.at {
		if t.pending == 0 && now.Sub(t.last) > guessLife {
			delete(g.at, from)
		}
	}
	for from, t := range g.at {
		if len(g.at) < maxGuessers {
			return
		}
		if t.pending == 0 {
			delete(g.at, from)
		}
	}
}

// setHeaders reports how many wrong passwords are left before the client has to wait.
func (g *Guesses) setHeaders(w http.ResponseWriter, left int) {
	w.Header().Add(
		"RateLimit-Policy", fmt.Sprintf(`"passwords";q=%d;w=%d`, models.MaxWrongPasswords, int(guessLife.Seconds())),
	)
	w.Header().Add("RateLimit", fmt.Sprintf(`"passwords";r=%d;t=%d`, left, int(guessLife.Seconds())))
}
