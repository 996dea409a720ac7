package oidc

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/parley-chat/parley/models"
)

// openID is a provider of OpenID Connect.
type openID struct {
	config Config
	client *http.Client

	mu      sync.Mutex
	learned *endpoints // nil before the first successful discovery
	failed  time.Time  // when discovery last failed
	err     error      // of that failure
}

// endpoints are the result of discovery.
type endpoints struct {
	*oidc.Provider
	verifier *oidc.IDTokenVerifier
	scopes   []string
}

// profileClaims are names of users. They are optional, and do not identify a user.
type profileClaims struct {
	PreferredUsername string `json:"preferred_username"`
	Nickname          string `json:"nickname"`
	GivenName         string `json:"given_name"`
	Name              string `json:"name"`
}

func (p profileClaims) names() []string {
	return []string{p.PreferredUsername, p.Nickname, p.GivenName, p.Name}
}

func (p profileClaims) empty() bool { return p == profileClaims{} }

// Begin returns the URL of the provider's page for this log-in.
func (p *openID) Begin(ctx context.Context, a Attempt) (string, error) {
	e, err := p.discover(ctx)
	if err != nil {
		return "", err
	}
	return p.oauth(e, a).AuthCodeURL(a.State, oidc.Nonce(a.Nonce), oauth2.S256ChallengeOption(a.Verifier)), nil
}

// Finish exchanges the code for an ID token, and verifies it.
func (p *openID) Finish(ctx context.Context, a Attempt, code string) (models.Person, error) {
	e, err := p.discover(ctx)
	if err != nil {
		return models.Person{}, err
	}
	tokens, err := exchange(ctx, p.client, p.oauth(e, a), a, code)
	if err != nil {
		return models.Person{}, err
	}
	raw, _ := tokens.Extra("id_token").(string)
	id, err := e.verifier.Verify(oidc.ClientContext(ctx, p.client), raw)
	if err == nil && subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(a.Nonce)) == 0 {
		err = errors.New("the ID token is for another log-in")
	}
	if err != nil {
		return models.Person{}, notConfirmed(err)
	}
	profile := e.profile(oidc.ClientContext(ctx, p.client), id, tokens)
	person := models.Person{
		Provider: p.config.Name, Issuer: id.Issuer, Subject: id.Subject, Names: profile.names(), DisplayName: profile.Name,
	}
	if !person.Identified() {
		return models.Person{}, notConfirmed(errors.New("the ID token has no subject"))
	}
	return person, nil
}

// profile returns the names in the ID token, or else those of the UserInfo endpoint. Both are optional.
func (e *endpoints) profile(ctx context.Context, id *oidc.IDToken, tokens *oauth2.Token) (profile profileClaims) {
	if err := id.Claims(&profile); err == nil && !profile.empty() || e.UserInfoEndpoint() == "" {
		return profile
	}
	info, err := e.UserInfo(ctx, oauth2.StaticTokenSource(tokens))
	if err != nil || info.Subject != id.Subject || info.Claims(&profile) != nil {
		return profileClaims{}
	}
	return profile
}

func (p *openID) oauth(e *endpoints, a Attempt) *oauth2.Config {
	return &oauth2.Config{
		ClientID: p.config.ClientID, ClientSecret: p.config.ClientSecret, Endpoint: e.Endpoint(), RedirectURL: a.Callback,
		Scopes: e.scopes,
	}
}

// discover returns the provider's endpoints, which it fetches once. After a failure it fetches again, one request at a
// time.
func (p *openID) discover(ctx context.Context) (*endpoints, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch {
	case p.learned != nil:
		return p.learned, nil
	case time.Since(p.failed) < retryAfter:
		return nil, unavailable(p.err)
	}
	// Other requests wait for the result too, so this request's end must not cancel it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), callTimeout)
	defer cancel()
	provider, err := oidc.NewProvider(oidc.ClientContext(ctx, p.client), p.config.Issuer)
	var offer struct {
		Scopes []string `json:"scopes_supported"`
	}
	if err == nil {
		err = provider.Claims(&offer)
	}
	if err != nil {
		p.failed, p.err = time.Now(), err
		return nil, unavailable(err)
	}
	e := &endpoints{
		Provider: provider, scopes: []string{oidc.ScopeOpenID, "profile"},
		verifier: provider.Verifier(&oidc.Config{ClientID: p.config.ClientID}),
	}
	if len(offer.Scopes) > 0 && !slices.Contains(offer.Scopes, "profile") { // as with Apple
		e.scopes = []string{oidc.ScopeOpenID}
	}
	p.learned = e
	return e, nil
}
