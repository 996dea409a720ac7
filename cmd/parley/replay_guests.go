package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/parley-chat/parley/models"
)

// replayGuests makes the guests, each when its nick first does something.
type replayGuests struct {
	client *remoteClient
	report *replayReport

	mu     sync.Mutex
	byNick map[string]func() (*remoteGuest, error)
}

func newReplayGuests(client *remoteClient, report *replayReport) *replayGuests {
	return &replayGuests{client: client, report: report, byNick: map[string]func() (*remoteGuest, error){}}
}

// count is how many nicks have a guest.
func (g *replayGuests) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.byNick)
}

// of is the guest of a nick.
func (g *replayGuests) of(ctx context.Context, nick string) (*remoteGuest, error) {
	g.mu.Lock()
	get := g.byNick[nick]
	if get == nil {
		get = sync.OnceValues(func() (*remoteGuest, error) { return g.signIn(ctx, nick) })
		g.byNick[nick] = get
	}
	g.mu.Unlock()
	return get()
}

// namesTried bounds how many usernames are tried for one nick. With a million names to choose from, a second one that is
// taken is rare.
const namesTried = 8

// signIn makes a new guest with the nick as its display name.
func (g *replayGuests) signIn(ctx context.Context, nick string) (*remoteGuest, error) {
	display := firstRunes(nick, models.MaxDisplayNameLength)
	plain := usernameOf(nick)
	username := plain
	for range namesTried {
		guest, err := signInGuest(ctx, g.client, username, display)
		if isCode(err, models.CodeUsernameTaken) {
			username = withSuffix(plain)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sign in %q as the guest %q: %w", nick, username, err)
		}
		if want := (models.UserRef{ID: guest.ref.ID, Username: username, DisplayName: display}); guest.ref != want {
			g.report.differ("the guest %+v was made where %+v was asked for", guest.ref, want)
		}
		return guest, nil
	}
	return nil, fmt.Errorf("sign in %q: each of %d usernames is taken, the last was %q", nick, namesTried, username)
}
