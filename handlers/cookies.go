package handlers

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/parley-chat/parley/models"
)

// The cookies of browsers, and the paths that they are sent to. None can be read by scripts. The first two open no more
// than their path; the last opens nothing, and tells a browser that began a log-in elsewhere from all others.
const (
	refreshCookie     = "parley_refresh"
	refreshCookiePath = "/v1/sessions"
	eventsCookie      = "parley_events"
	eventsCookiePath  = "/v1/events"
	browserCookie     = "parley_browser"
	browserCookiePath = "/v1"
)

// cookie is one of the first two; an empty value has the browser forget it.
func (e entry) cookie(r *http.Request, name, path, value string) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // Secure is not a constant: without TLS a browser would drop such a cookie
		Name: name, Value: value, Path: path, MaxAge: int(models.RefreshTokenLife.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: e.overTLS(r),
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// browserCookie lives as long as a log-in that begins now. It is Lax, since the browser comes back from another site.
func (e entry) browserCookie(r *http.Request, secret string) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is not a constant: without TLS a browser would drop such a cookie
		Name: browserCookie, Value: secret, Path: browserCookiePath,
		MaxAge:   int((models.AuthFlowLife + models.LoginCodeLife).Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: e.overTLS(r),
	}
}

// browserSecret is what the browser is to keep: what it has, so that log-ins in two of its tabs get along, or a new one.
func browserSecret(r *http.Request) string {
	if secret := secretOf(r); len(secret) == len(rand.Text()) {
		return secret
	}
	return rand.Text()
}

func secretOf(r *http.Request) string {
	c, err := r.Cookie(browserCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// forget has the browser drop both, when their session is over.
func (e entry) forget(r *http.Request) []*http.Cookie {
	return []*http.Cookie{
		e.cookie(r, refreshCookie, refreshCookiePath, ""), e.cookie(r, eventsCookie, eventsCookiePath, ""),
	}
}

// overTLS reports whether the browser came over TLS, as far as can be told from behind a proxy.
func (e entry) overTLS(r *http.Request) bool {
	return traceOf(r).client.https || strings.HasPrefix(e.settings.PublicURL, "https://")
}

// trustsOrigin reports whether the page that makes the request is Parley's own or an allowed one. SameSite keeps other
// sites' pages out already, but not those of another port or subdomain of this one.
func (e entry) trustsOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	page, err := url.Parse(origin)
	if err != nil || page.Host == "" {
		return false
	}
	if strings.EqualFold(page.Host, r.Host) || slices.Contains(e.settings.CORSOrigins, origin) {
		return true
	}
	own, err := url.Parse(e.settings.PublicURL)
	return err == nil && page.Scheme == own.Scheme && strings.EqualFold(page.Host, own.Host)
}
