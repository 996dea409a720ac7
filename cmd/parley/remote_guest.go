package main

import (
	"context"
	"net/http"
	"sync"

	"github.com/parley-chat/parley/models"
)

// remoteGuest is a guest on a server. Many may act as one at the same time.
type remoteGuest struct {
	client *remoteClient
	ref    models.UserRef

	mu      sync.Mutex // also held while the tokens are renewed: a refresh token works once
	access  string
	refresh string
}

// signInGuest makes a new guest. When an answer is lost the username is taken: it can only be done again under another one.
func signInGuest(ctx context.Context, client *remoteClient, username, display string) (*remoteGuest, error) {
	var s models.Session
	_, err := client.do(ctx, remoteCall{
		method: http.MethodPost, path: "/v1/sessions", into: &s,
		body: models.Credentials{Username: username, Guest: true, DisplayName: &display},
	})
	if err != nil {
		return nil, err
	}
	return &remoteGuest{client: client, ref: s.User.Ref(), access: s.AccessToken, refresh: s.RefreshToken}, nil
}

// do makes a call as the guest.
func (g *remoteGuest) do(ctx context.Context, call remoteCall) (header http.Header, err error) {
	err = g.withToken(ctx, func(token string) error {
		call.token = token
		header, err = g.client.do(ctx, call)
		return err
	})
	return header, err
}

// withToken tries with the guest's access token, and once more with a new one when it has run out.
func (g *remoteGuest) withToken(ctx context.Context, try func(token string) error) error {
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
func (g *remoteGuest) renew(ctx context.Context, spent string) (string, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.access != spent { // another has renewed it meanwhile
		return g.access, nil
	}
	var s models.Session
	_, err := g.client.do(ctx, remoteCall{
		method: http.MethodPost, path: "/v1/sessions/refresh", body: models.Refresh{RefreshToken: g.refresh}, into: &s,
	})
	if err != nil {
		return "", err
	}
	g.access, g.refresh = s.AccessToken, s.RefreshToken
	return g.access, nil
}
