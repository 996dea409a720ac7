package handlers

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth/oidc"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/models"
)

type authStore interface {
	BeginFlow(ctx context.Context, f models.AuthFlow) error
	TakeFlow(ctx context.Context, f models.AuthFlow) (models.AuthFlow, error)
	Welcome(ctx context.Context, p models.Person, code models.LoginCode) error
	Link(ctx context.Context, userID int64, p models.Person) error
	sessionChecker
}

// NamedProvider is one that people log in through, under its name in paths.
type NamedProvider struct {
	Name string
	oidc.Provider
}

// authProviders are the social networks to log in through.
type authProviders struct {
	store     authStore
	entry     entry
	providers []NamedProvider
}

// ListAuthProviders lists the providers that the server is set up with.
func (h authProviders) ListAuthProviders(w http.ResponseWriter, r *http.Request) {
	answer(w, r, func() (reply, error) {
		list := api.AuthProviderList{Items: []api.AuthProvider{}}
		for _, p := range h.providers {
			list.Items = append(list.Items, api.AuthProvider{Name: p.Name, URL: "/v1/auth/" + p.Name})
		}
		return reply{status: http.StatusOK, body: list}, nil
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

// BeginAuth sends the browser to the provider. With a token, the caller's account is to be linked.
func (h authProviders) BeginAuth(w http.ResponseWriter, r *http.Request, provider api.PathProvider, params api.BeginAuthParams) {
	lead(w, r, func() (reply, error) {
		p, err := h.named(provider)
		if err != nil {
			return reply{}, err
		}
		redirect, err := redirectOf(params.Redirect)
		if err != nil {
			return reply{}, err
		}
		a := oidc.Attempt{
			State: rand.Text(), Nonce: rand.Text(), Verifier: oidc.NewVerifier(),
			Callback: h.entry.baseURL(r) + "/v1/auth/" + p.Name + "/callback",
		}
		to, err := p.Begin(r.Context(), a)
		if err != nil {
			return back(r, redirect, err)
		}
		secret := browserSecret(r)
		err = h.store.BeginFlow(r.Context(), models.AuthFlow{
			StateHash: token.Hash(a.State), BrowserHash: token.Hash(secret), Provider: p.Name, Nonce: a.Nonce, Verifier: a.Verifier,
			Callback: a.Callback, Redirect: redirect, Linker: callerOf(r), ExpiresAt: models.At(models.Now().Add(models.AuthFlowLife)),
		})
		re := reply{status: http.StatusSeeOther, location: to, cookies: []*http.Cookie{h.entry.browserCookie(r, secret)}}
		if wantsData(r) {
			re.status, re.location, re.body = http.StatusOK, "", api.AuthBeginning{URL: to}
		}
		return re, err
	})
}

// FinishAuth is where the provider sends the browser back to.
func (h authProviders) FinishAuth(w http.ResponseWriter, r *http.Request, provider api.PathProvider, params api.FinishAuthParams) {
	lead(w, r, func() (reply, error) {
		p, err := h.named(provider)
		if err != nil {
			return reply{}, err
		}
		secret := secretOf(r)
		flow, err := h.store.TakeFlow(r.Context(), models.AuthFlow{
			StateHash: token.Hash(given(params.State)), BrowserHash: token.Hash(secret), Provider: p.Name,
		})
		if err != nil {
			return reply{}, err
		}
		to, err := h.finish(r, p, flow, params)
		if err != nil {
			return back(r, flow.Redirect, err)
		}
		return reply{status: http.StatusSeeOther, location: to}, nil
	})
}

// back sends a person, who has no use for a problem's JSON, to the page that they came from, which learns the code.
func back(r *http.Request, redirect string, err error) (reply, error) {
	var refused *models.Error
	if !errors.As(err, &refused) || !asksForPage(r) {
		return reply{}, err
	}
	traceOf(r).err = err
	return reply{status: http.StatusSeeOther, location: withFragment(redirect, "login_error="+string(refused.Code))}, nil
}

// finish ends a log-in, and answers where the browser goes.
func (h authProviders) finish(r *http.Request, p NamedProvider, flow models.AuthFlow, params api.FinishAuthParams) (to string, err error) {
	if given(params.Error) != "" || given(params.Code) == "" {
		return "", models.Errorf(models.CodeBadCredentials, "The provider has refused the log-in.")
	}
	person, err := p.Finish(r.Context(), oidc.Attempt{
		State: given(params.State), Nonce: flow.Nonce, Verifier: flow.Verifier, Callback: flow.Callback,
	}, given(params.Code))
	if err != nil {
		return "", err
	}
	if flow.Linker.UserID != 0 {
		return flow.Redirect, h.link(r.Context(), flow.Linker, person)
	}
	code := rand.Text()
	err = h.store.Welcome(r.Context(), person, models.LoginCode{
		Hash: token.Hash(code), BrowserHash: flow.BrowserHash, ExpiresAt: models.At(models.Now().Add(models.LoginCodeLife)),
	})
	return withFragment(flow.Redirect, "login_code="+code), err
}

// link ends a log-in that began with a token, if that one's session goes on.
func (h authProviders) link(ctx context.Context, linker models.Caller, person models.Person) error {
	if err := h.store.CheckSession(ctx, linker); err != nil {
		return err
	}
	return h.store.Link(ctx, linker.UserID, person)
}

// maxRedirect is the contract's bound.
const maxRedirect = 2048

// redirectOf is where the browser goes in the end: a path of this server. What a browser could read as another host is
// refused, and so is what it would read in another way than it is written.
func redirectOf(redirect *string) (string, error) {
	if redirect == nil {
		return "/", nil
	}
	to := *redirect
	u, err := url.Parse(to)
	odd := func(r rune) bool { return r <= ' ' || r == '\\' || r >= 0x7f && r < 0xa0 }
	if err != nil || u.Scheme != "" || u.Host != "" || u.User != nil || !strings.HasPrefix(to, "/") ||
		strings.HasPrefix(to, "//") || strings.ContainsFunc(to, odd) || len(to) > maxRedirect {
		return "", models.Invalid("redirect", "must be a path on this server, of at most %d bytes, that starts with one /", maxRedirect)
	}
	return u.String(), nil
}

// withFragment adds to what a path has behind its #.
func withFragment(path, fragment string) string {
	if strings.Contains(path, "#") {
		return path + "&" + fragment
	}
	return path + "#" + fragment
}

// baseURL is how clients reach the server.
func (e entry) baseURL(r *http.Request) string {
	if e.settings.PublicURL != "" {
		return strings.TrimSuffix(e.settings.PublicURL, "/")
	}
	scheme := "http://"
	if e.overTLS(r) {
		scheme = "https://"
	}
	return scheme + r.Host
}

// wantsData reports whether the client would rather read where to go than be sent there.
func wantsData(r *http.Request) bool {
	mediaType := preferred(r, pageType, jsonType, msgpackType)
	return mediaType == jsonType || mediaType == msgpackType
}

// asksForPage reports whether the client names pages among what it takes, as browsers do that go somewhere.
func asksForPage(r *http.Request) bool { return preferenceFor(r, pageType).exactness == 2 }

// lead runs a handler that sends a browser elsewhere. A browser may go there whatever it accepts.
func lead(w http.ResponseWriter, r *http.Request, handle func() (reply, error)) {
	re, err := handle()
	if err != nil {
		fail(w, r, err)
		return
	}
	re.write(w, r, preferred(r, jsonType, msgpackType))
}
