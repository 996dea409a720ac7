package main

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"sync"

	"github.com/parley-chat/parley/models"
)

// replayGuest is a guest on the server. All logs in which one nick occurs share it.
type replayGuest struct {
	client *replayClient
	ref    models.UserRef

	mu      sync.Mutex // also held while the tokens are renewed: a refresh token works once
	access  string
	refresh string
}

// do makes a call as the guest.
func (g *replayGuest) do(ctx context.Context, call replayCall) (header http.Header, err error) {
	err = g.withToken(ctx, func(token string) error {
		call.token = token
		header, err = g.client.do(ctx, call)
		return err
	})
	return header, err
}

// withToken tries with the guest's access token, and once more with a new one when it has run out.
func (g *replayGuest) withToken(ctx context.Context, try func(token string) error) error {
	g.mu.Lock()
	token := g.access
	g.mu.Unlock()
	err := try(token)
	if !isCode(err, models.CodeTokenExpired) {
		return err
	}
	if token, err = g.renew(ctx, token); err != nil {
		return err
	}
	return try(token)
}

// renew returns an access token that is not spent.
func (g *replayGuest) renew(ctx context.Context, spent string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.access != spent { // another log has renewed it meanwhile
		return g.access, nil
	}
	var s models.Session
	_, err := g.client.do(ctx, replayCall{
		method: http.MethodPost, path: "/v1/sessions/refresh", body: models.Refresh{RefreshToken: g.refresh}, into: &s,
	})
	if err != nil {
		return "", err
	}
	g.access, g.refresh = s.AccessToken, s.RefreshToken
	return g.access, nil
}

// replayGuests makes the guests, each when its nick first does something.
type replayGuests struct {
	client *replayClient
	report *replayReport

	mu     sync.Mutex
	byNick map[string]func() (*replayGuest, error)
}

func newReplayGuests(client *replayClient, report *replayReport) *replayGuests {
	return &replayGuests{client: client, report: report, byNick: map[string]func() (*replayGuest, error){}}
}

// count is how many nicks have a guest.
func (g *replayGuests) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.byNick)
}

// of is the guest of a nick.
func (g *replayGuests) of(ctx context.Context, nick string) (*replayGuest, error) {
	g.mu.Lock()
	get := g.byNick[nick]
	if get == nil {
		get = sync.OnceValues(func() (*replayGuest, error) { return g.signIn(ctx, nick) })
		g.byNick[nick] = get
	}
	g.mu.Unlock()
	return get()
}

// namesTried bounds how many usernames are tried for one nick. With a million names to choose from, a second one that is
// taken is rare.
const namesTried = 8

// signIn makes a new guest with the nick as its display name.
func (g *replayGuests) signIn(ctx context.Context, nick string) (*replayGuest, error) {
	display := firstRunes(nick, models.MaxDisplayNameLength)
	plain := usernameOf(nick)
	username := plain
	for range namesTried {
		var s models.Session
		_, err := g.client.do(ctx, replayCall{
			method: http.MethodPost, path: "/v1/sessions", key: rand.Text(), into: &s,
			body: models.Credentials{Username: username, Guest: true, DisplayName: &display},
		})
		if isCode(err, models.CodeUsernameTaken) {
			username = withSuffix(plain)
			continue
		}
		if err != nil {
			return nil, fmt.Errorf("sign in %q as the guest %q: %w", nick, username, err)
		}
		if want := (models.UserRef{ID: s.User.ID, Username: username, DisplayName: display}); s.User.Ref() != want {
			g.report.differ("the guest %+v was made where %+v was asked for", s.User.Ref(), want)
		}
		return &replayGuest{client: g.client, ref: s.User.Ref(), access: s.AccessToken, refresh: s.RefreshToken}, nil
	}
	return nil, fmt.Errorf("sign in %q: each of %d usernames is taken, the last was %q", nick, namesTried, username)
}
