package auth

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// The cookies and the paths that browsers send them to. Scripts cannot read them. The first two authenticate requests
// to their path alone; the last one authenticates nothing, and identifies the browser that began a log-in at a
// provider.
const (
	refreshCookie     = "parley_refresh"
	refreshCookiePath = "/v1/sessions"
	eventsCookie      = "parley_events"
	eventsCookiePath  = "/v1/events"
	browserCookie     = "parley_browser"
	browserCookiePath = "/v1"
)

// cookie makes the refresh or the events cookie; an empty value deletes it.
func (i SessionIssuer) cookie(r *http.Request, name, path, value string) *http.Cookie {
	c := &http.Cookie{ //nolint:gosec // Secure is not a constant: without TLS a browser would drop such a cookie
		Name: name, Value: value, Path: path, MaxAge: int(models.RefreshTokenLife.Seconds()),
		HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: i.overTLS(r),
	}
	if value == "" {
		c.MaxAge = -1
	}
	return c
}

// EventsCookie makes the cookie that opens the event stream of the caller's session, for models.RefreshTokenLife. Each
// opening renews it. It ends with the session, which is looked up at each opening.
func (i SessionIssuer) EventsCookie(r *http.Request) (*http.Cookie, error) {
	signed, err := i.Tokens.Issue(request.Caller(r), token.Events, time.Now())
	return i.cookie(r, eventsCookie, eventsCookiePath, signed), err
}

// BrowserCookie makes the cookie of a browser that begins a log-in at a provider. It lives as long as such a log-in may
// take. It is Lax, since the browser comes back from another site.
func (i SessionIssuer) BrowserCookie(r *http.Request, secret string) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // Secure is not a constant: without TLS a browser would drop such a cookie
		Name: browserCookie, Value: secret, Path: browserCookiePath,
		MaxAge:   int((models.AuthFlowLife + models.LoginCodeLife).Seconds()),
		HttpOnly: true, SameSite: http.SameSiteLaxMode, Secure: i.overTLS(r),
	}
}

// NewBrowserSecret returns the secret that the browser has already, so that log-ins in two of its tabs both work, or a
// new one.
func NewBrowserSecret(r *http.Request) string {
	if secret := BrowserSecret(r); len(secret) == len(rand.Text()) {
		return secret
	}
	return rand.Text()
}

// BrowserSecret returns the secret in the browser's cookie; "" for none.
func BrowserSecret(r *http.Request) string {
	c, err := r.Cookie(browserCookie)
	if err != nil {
		return ""
	}
	return c.Value
}

// RefreshToken returns the refresh token in the browser's cookie, if a page of a trusted origin makes the request.
func (i SessionIssuer) RefreshToken(r *http.Request) (string, error) {
	c, err := r.Cookie(refreshCookie)
	if err != nil || c.Value == "" {
		return "", models.Errorf(models.CodeUnauthenticated, "This route needs a refresh token.")
	}
	if !i.trustsOrigin(r) {
		return "", models.Errorf(models.CodeUnauthenticated, "The cookie is not accepted from a page of this Origin.")
	}
	return c.Value, nil
}

// ForgetCookies returns cookies that delete the refresh and the events cookie, for the end of their session.
func (i SessionIssuer) ForgetCookies(r *http.Request) []*http.Cookie {
	return []*http.Cookie{
		i.cookie(r, refreshCookie, refreshCookiePath, ""), i.cookie(r, eventsCookie, eventsCookiePath, ""),
	}
}

// overTLS reports whether the browser uses TLS, as far as it is known behind a proxy.
func (i SessionIssuer) overTLS(r *http.Request) bool {
	return request.From(r).Client.HTTPS || strings.HasPrefix(i.PublicURL, "https://")
}

// trustsOrigin reports whether the page that makes the request is Parley's own, or of an allowed origin. SameSite
// already excludes pages of other sites, but not those of another port or subdomain of the same site.
func (i SessionIssuer) trustsOrigin(r *http.Request) bool {
	origin := r.Header.Get("Origin")
	page, err := url.Parse(origin)
	if err != nil || page.Host == "" {
		return false
	}
	if strings.EqualFold(page.Host, r.Host) || slices.Contains(i.CORSOrigins, origin) {
		return true
	}
	own, err := url.Parse(i.PublicURL)
	return err == nil && page.Scheme == own.Scheme && strings.EqualFold(page.Host, own.Host)
}

// BaseURL is the URL at which clients reach the server, without a slash at its end.
func (i SessionIssuer) BaseURL(r *http.Request) string {
	if i.PublicURL != "" {
		return strings.TrimSuffix(i.PublicURL, "/")
	}
	scheme := "http://"
	if i.overTLS(r) {
		scheme = "https://"
	}
	return scheme + r.Host
}
