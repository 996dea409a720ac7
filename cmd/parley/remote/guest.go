package remote

import (
	"context"
	"net/http"
	"sync"

	"github.com/parley-chat/parley/models"
)

// Guest is a guest on a server. Many may act as one at the same time.
type Guest struct {
	Client *Client
	Ref    models.UserRef

	mu      sync.Mutex // also held while the tokens are renewed: a refresh token works once
	access  string
	refresh string
}

// SignInGuest makes a new guest. When an answer is lost the username is taken: it can only be done again under another
// one.
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

// WithToken tries with the guest's access token, and once more with a new one when it has run out.
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

// renew returns an access token that is not spent.
func (g *Guest) renew(ctx context.Context, spent string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.access != spent { // another has renewed it meanwhile
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
