package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth"
	"github.com/parley-chat/parley/handlers/auth/oidc"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

type authStore interface {
	BeginFlow(ctx context.Context, f models.AuthFlow) error
	TakeFlow(ctx context.Context, f models.AuthFlow) (models.AuthFlow, error)
	IssueLoginCode(ctx context.Context, p models.Person, code models.LoginCode) error
	Link(ctx context.Context, userID int64, p models.Person) error
	CheckSession(ctx context.Context, caller models.Caller) error
}

// NamedProvider is a provider to log in through, with its name in paths.
type NamedProvider struct {
	Name string
	oidc.Provider
}

// authProviders are the providers to log in through.
type authProviders struct {
	store     authStore
	sessions  auth.SessionIssuer
	providers []NamedProvider
}

func newAuthProviders(store authStore, issuer auth.SessionIssuer, list []NamedProvider) authProviders {
	return authProviders{store: store, sessions: issuer, providers: list}
}

// ListAuthProviders lists the configured providers.
func (h authProviders) ListAuthProviders(w http.ResponseWriter, r *http.Request) {
	respond(w, r, func() (response, error) {
		list := api.AuthProviderList{Items: []api.AuthProvider{}}
		for _, p := range h.providers {
			list.Items = append(list.Items, api.AuthProvider{Name: p.Name, URL: "/v1/auth/" + p.Name})
		}
		return response{status: http.StatusOK, body: list}, nil
	})
}

func (h authProviders) named(name string) (NamedProvider, error) {
	for _, p := range h.providers {
		if p.Name == name {
			return p, nil
		}
	}
	return NamedProvider{}, models.NotFound()
}

// BeginAuth redirects the browser to the provider. With a token, the log-in links an identity with the caller's
// account.
func (h authProviders) BeginAuth(
	w http.ResponseWriter, r *http.Request, provider api.PathProvider, params api.BeginAuthParams,
) {
	respondRedirect(w, r, func() (response, error) {
		p, err := h.named(provider)
		if err != nil {
			return response{}, err
		}
		redirect, err := parseRedirect(params.Redirect)
		if err != nil {
			return response{}, err
		}
		a := oidc.Attempt{
			State: rand.Text(), Nonce: rand.Text(), Verifier: oidc.NewVerifier(),
			Callback: h.sessions.BaseURL(r) + "/v1/auth/" + p.Name + "/callback",
		}
		to, err := p.Begin(r.Context(), a)
		if err != nil {
			return redirectWithError(r, redirect, err)
		}
		secret := auth.NewBrowserSecret(r)
		err = h.store.BeginFlow(r.Context(), models.AuthFlow{
			StateHash:   token.Hash(a.State),
			BrowserHash: token.Hash(secret),
			Provider:    p.Name,
			Nonce:       a.Nonce,
			Verifier:    a.Verifier,
			Callback:    a.Callback,
			Redirect:    redirect,
			Linker:      request.Caller(r),
			ExpiresAt:   models.At(models.Now().Add(models.AuthFlowLife)),
		})
		res := response{
			status: http.StatusSeeOther, location: to, cookies: []*http.Cookie{h.sessions.BrowserCookie(r, secret)},
		}
		if codec.WantsData(r) {
			res.status, res.location, res.body = http.StatusOK, "", api.AuthBeginning{URL: to}
		}
		return res, err
	})
}

// FinishAuth is the callback that the provider redirects the browser to.
func (h authProviders) FinishAuth(
	w http.ResponseWriter, r *http.Request, provider api.PathProvider, params api.FinishAuthParams,
) {
	respondRedirect(w, r, func() (response, error) {
		p, err := h.named(provider)
		if err != nil {
			return response{}, err
		}
		secret := auth.BrowserSecret(r)
		flow, err := h.store.TakeFlow(r.Context(), models.AuthFlow{
			StateHash: token.Hash(valueOf(params.State)), BrowserHash: token.Hash(secret), Provider: p.Name,
		})
		if err != nil {
			return response{}, err
		}
		to, err := h.finish(r, p, flow, params)
		if err != nil {
			return redirectWithError(r, flow.Redirect, err)
		}
		return response{status: http.StatusSeeOther, location: to}, nil
	})
}

// redirectWithError redirects a browser to the page that it came from, with the code of the error: people cannot use
// the JSON of a problem. Other clients get the problem.
func redirectWithError(r *http.Request, redirect string, err error) (response, error) {
	var refused *models.Error
	if !errors.As(err, &refused) || !codec.AsksForPage(r) {
		return response{}, err
	}
	request.From(r).Err = err
	to := withFragment(redirect, "login_error="+string(refused.Code))
	return response{status: http.StatusSeeOther, location: to}, nil
}

// finish completes a log-in, and returns where the browser goes.
func (h authProviders) finish(
	r *http.Request, p NamedProvider, flow models.AuthFlow, params api.FinishAuthParams,
) (to string, err error) {
	if valueOf(params.Error) != "" || valueOf(params.Code) == "" {
		return "", models.Errorf(models.CodeBadCredentials, "The provider has refused the log-in.")
	}
	person, err := p.Finish(r.Context(), oidc.Attempt{
		State: valueOf(params.State), Nonce: flow.Nonce, Verifier: flow.Verifier, Callback: flow.Callback,
	}, valueOf(params.Code))
	if err != nil {
		return "", err
	}
	if flow.Linker.UserID != 0 {
		return flow.Redirect, h.link(r.Context(), flow.Linker, person)
	}
	code := rand.Text()
	err = h.store.IssueLoginCode(r.Context(), person, models.LoginCode{
		Hash: token.Hash(code), BrowserHash: flow.BrowserHash, ExpiresAt: models.At(models.Now().Add(models.LoginCodeLife)),
	})
	return withFragment(flow.Redirect, "login_code="+code), err
}

// link completes a log-in that began with a token, if the session of that token has not ended.
func (h authProviders) link(ctx context.Context, linker models.Caller, person models.Person) error {
	if err := h.store.CheckSession(ctx, linker); err != nil {
		return err
	}
	return h.store.Link(ctx, linker.UserID, person)
}

// maxRedirect is the limit of the contract, in bytes.
const maxRedirect = 2048

// parseRedirect parses where the browser goes in the end: a path on this server. It refuses what a browser could read
// as another host, and characters that browsers change.
func parseRedirect(redirect *string) (string, error) {
	if redirect == nil {
		return "/", nil
	}
	to := *redirect
	u, err := url.Parse(to)
	odd := func(r rune) bool { return r <= ' ' || r == '\\' || r >= 0x7f && r < 0xa0 }
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(to, "/") ||
		strings.HasPrefix(to, "//") || strings.ContainsFunc(to, odd) || len(to) > maxRedirect {
		return "", models.Invalid(
			"redirect", "must be a path on this server, of at most %d bytes, that starts with one /", maxRedirect,
		)
	}
	return u.String(), nil
}

// withFragment adds to the fragment of a path.
func withFragment(path, fragment string) string {
	if strings.Contains(path, "#") {
		return path + "&" + fragment
	}
	return path + "#" + fragment
}

// respondRedirect is respond for a handler that redirects a browser, whatever media types it accepts.
func respondRedirect(w http.ResponseWriter, r *http.Request, handle func() (response, error)) {
	res, err := handle()
	if err != nil {
		problem.Write(w, r, err)
		return
	}
	res.write(w, r, codec.Preferred(r, codec.JSON, codec.MessagePack))
}
