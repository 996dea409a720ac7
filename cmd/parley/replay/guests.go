package replay

import (
	"context"
	"fmt"
	"sync"

	"github.com/parley-chat/parley/cmd/parley/remote"
	"github.com/parley-chat/parley/models"
)

// guests signs in the guests, each when its nick first appears.
type guests struct {
	client *remote.Client
	report *report

	mu     sync.Mutex
	byNick map[string]func() (*remote.Guest, error)
}

func newGuests(client *remote.Client, report *report) *guests {
	return &guests{client: client, report: report, byNick: map[string]func() (*remote.Guest, error){}}
}

// count returns the number of nicks that have a guest.
func (g *guests) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.byNick)
}

// of returns the guest of a nick, and signs it in if necessary.
func (g *guests) of(ctx context.Context, nick string) (*remote.Guest, error) {
	g.mu.Lock()
	get := g.byNick[nick]
	if get == nil {
		get = sync.OnceValues(func() (*remote.Guest, error) { return g.signIn(ctx, nick) })
		g.byNick[nick] = get
	}
	g.mu.Unlock()
	return get()
}

// namesTried is how many usernames are tried at most for one nick. A random ending has a million values, so a second
// collision is rare.
const namesTried = 8

// signIn signs in a new guest with the nick as its display name.
func (g *guests) signIn(ctx context.Context, nick string) (*remote.Guest, error) {
	display := firstRunes(nick, models.MaxDisplayNameLength)
	plain := usernameOf(nick)
	username := plain
	for range namesTried {
		guest, err := remote.SignInGuest(ctx, g.client, username, display)
		if remote.IsCode(err, models.CodeUsernameTaken) {
			username = withSuffix(plain)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sign in %q as the guest %q: %w", nick, username, err)
		}
		if want := (models.UserRef{ID: guest.Ref.ID, Username: username, DisplayName: display}); guest.Ref != want {
			g.report.differ("got the guest %+v, want %+v", guest.Ref, want)
		}
		return guest, nil
	}
	return nil, fmt.Errorf("sign in %q: all %d usernames that were tried are taken, the last one was %q",
		nick, namesTried, username)
}
