package remote

import (
	"context"
	"net/http"
	"sync"

	"github.com/parley-chat/parley/models"
)

// Guest is a guest on a server. It may be used by several goroutines.
type Guest struct {
	Client *Client
	Ref    models.UserRef

	mu      sync.Mutex // also held while the tokens are renewed: a refresh token works once
	access  string
	refresh string
}

// SignInGuest signs in a new guest. If a response is lost, the username may be taken, and only another one can be
// tried.
func SignInGuest(ctx context.Context, client *Client, username, display string) (*Guest, error) {
	var s models.Session
	_, err := client.Do(ctx, Call{
		Method: http.MethodPost, Path: "/v1/sessions", Into: &s,
		Body: models.Credentials{Username: username, Guest: true, DisplayName: &display},
	})
	if err != nil {
		return nil, err
	}
	return &Guest{Client: client, Ref: s.User.Ref(), access: s.AccessToken, refresh: s.RefreshToken}, nil
}

// Do makes a call as the guest.
func (g *Guest) Do(ctx context.Context, call Call) (header http.Header, err error) {
	err = g.WithToken(ctx, func(token string) error {
		call.Token = token
		header, err = g.Client.Do(ctx, call)
		return err
	})
	return header, err
}

// WithToken calls try with the guest's access token, and once more with a new one if the token has expired.
func (g *Guest) WithToken(ctx context.Context, try func(token string) error) error {
	g.mu.Lock()
	token := g.access
	g.mu.Unlock()
	err := try(token)
	if !IsCode(err, models.CodeTokenExpired) {
		return err
	}
	if token, err = g.renew(ctx, token); err != nil {
		return err
	}
	return try(token)
}

// renew returns an access token other than the expired one.
func (g *Guest) renew(ctx context.Context, expired string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.access != expired { // another goroutine has renewed it
		return g.access, nil
	}
	var s models.Session
	_, err := g.Client.Do(ctx, Call{
		Method: http.MethodPost, Path: "/v1/sessions/refresh", Body: models.Refresh{RefreshToken: g.refresh}, Into: &s,
	})
	if err != nil {
		return "", err
	}
	g.access, g.refresh = s.AccessToken, s.RefreshToken
	return g.access, nil
}
