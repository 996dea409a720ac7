package main

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/parley-chat/parley/models"
)

// provider is a provider of OpenID Connect on a port of its own. It lets in whoever comes next in its queue, and is as
// strict as the best of them: PKCE, state and nonce must be there, and the redirect URI the same to the letter.
type provider struct {
	*mockoidc.MockOIDC
	t testing.TB

	mu        sync.Mutex // one request at a time
	asked     []string   // the paths of all requests
	callbacks map[string]string
	// sign, if it is set, signs the ID tokens in place of the provider.
	sign func(claims jwt.MapClaims) string
}

// visitor is what the provider says of somebody. Changed changes the claims of the ID token before it is signed.
type visitor struct {
	subject, username, name, email string
	verified                       bool
	refuses                        bool // to be named to Parley
	changed                        func(claims jwt.MapClaims)
}

func (v visitor) ID() string { return v.subject }

func (v visitor) Userinfo([]string) ([]byte, error) {
	return json.Marshal(map[string]string{"sub": v.subject, "preferred_username": v.username})
}

func (v visitor) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	claims := jwt.MapClaims{
		"iss": base.Issuer, "aud": base.Audience, "sub": v.subject, "iat": base.IssuedAt, "exp": base.ExpiresAt, "nonce": base.Nonce,
		"preferred_username": v.username, "name": v.name, "email": v.email, "email_verified": v.verified,
	}
	if v.changed != nil {
		v.changed(claims)
	}
	return claims, nil
}

func newProvider(t testing.TB) *provider {
	t.Helper()
	p := &provider{t: t, callbacks: map[string]string{}}
	var err error
	if p.MockOIDC, err = mockoidc.NewServer(nil); err != nil {
		t.Fatal(err)
	}
	if err := p.AddMiddleware(p.strictly); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err == nil {
		err = p.Start(listener, nil)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

func (p *provider) stop() {
	if err := p.Shutdown(); err != nil {
		p.t.Error(err)
	}
}

// setting is how a server is told of the provider.
func (p *provider) setting(name string) string {
	return fmt.Sprintf("name=%s,issuer=%s,client_id=%s,client_secret=%s", name, p.Issuer(), p.ClientID, p.ClientSecret)
}

// strictly refuses what a provider need not put up with, and has ID tokens signed by who is to sign them.
func (p *provider) strictly(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asked = append(p.asked, r.URL.Path)
		answer := httptest.NewRecorder()
		switch r.URL.Path {
		case mockoidc.AuthorizationEndpoint:
			p.authorize(answer, r, next)
		case mockoidc.TokenEndpoint:
			p.issue(answer, r, next)
		default:
			next.ServeHTTP(answer, r)
		}
		for name, values := range answer.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes())
	})
}

func (p *provider) authorize(w *httptest.ResponseRecorder, r *http.Request, next http.Handler) {
	for _, needed := range []string{"state", "nonce", "code_challenge", "redirect_uri"} {
		if len(r.FormValue(needed)) < 20 {
			http.Error(w, needed+" is needed", http.StatusBadRequest)
			return
		}
	}
	if r.FormValue("code_challenge_method") != "S256" {
		http.Error(w, "S256 is needed", http.StatusBadRequest)
		return
	}
	next.ServeHTTP(w, r)
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil {
		p.t.Error(err)
		return
	}
	code := to.Query().Get("code")
	p.callbacks[code] = r.FormValue("redirect_uri")
	if session, err := p.SessionStore.GetSessionByID(code); err == nil {
		if v, ours := session.User.(visitor); ours && v.refuses {
			to.RawQuery = url.Values{"error": {"access_denied"}, "state": {r.FormValue("state")}}.Encode()
			w.Header().Set("Location", to.String())
		}
	}
}

func (p *provider) issue(w *httptest.ResponseRecorder, r *http.Request, next http.Handler) {
	if r.FormValue("redirect_uri") != p.callbacks[r.FormValue("code")] {
		http.Error(w, `{"error":"invalid_grant"}`, http.StatusBadRequest)
		return
	}
	next.ServeHTTP(w, r)
	var tokens map[string]any
	if p.sign == nil || json.Unmarshal(w.Body.Bytes(), &tokens) != nil || tokens["id_token"] == nil {
		return
	}
	claims := jwt.MapClaims{}
	if _, _, err := jwt.NewParser().ParseUnverified(tokens["id_token"].(string), claims); err != nil {
		p.t.Error(err)
	}
	tokens["id_token"] = p.sign(claims)
	w.Body.Reset()
	_ = json.NewEncoder(w.Body).Encode(tokens)
	w.Header().Del("Content-Length")
}

// signs has ID tokens signed by f, or by the provider itself.
func (p *provider) signs(f func(claims jwt.MapClaims) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sign = f
}

// times is how often a path of the provider was asked for.
func (p *provider) times(path string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, asked := range p.asked {
		if asked == path {
			n++
		}
	}
	return n
}

// browser is a client of its own that keeps cookies.
func (c *client) browser() *client {
	c.t.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.t.Fatal(err)
	}
	b := c.nobody()
	b.http = &http.Client{Transport: c.http.Transport, CheckRedirect: c.http.CheckRedirect, Jar: jar}
	return b
}

// begins has the browser begin a log-in, and answers where it is sent.
func (c *client) begins(path string) (at string) {
	c.t.Helper()
	return c.call("GET", path, nil, "Accept", "text/html,*/*;q=0.8").status(303).header("Location")
}

// asks has the browser go to the provider's page as that visitor, and answers the path that it is sent back to.
func (p *provider) asks(b *client, at string, v visitor) (callback string) {
	p.t.Helper()
	p.QueueUser(v)
	res, err := b.http.Get(at)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = res.Body.Close()
	callback, ours := strings.CutPrefix(res.Header.Get("Location"), b.url)
	if res.StatusCode != http.StatusFound || !ours {
		p.t.Fatalf("the provider answers %s, and sends the browser to %q", res.Status, res.Header.Get("Location"))
	}
	return callback
}

// arrives has the browser log in through the provider under that name, up to the page that it is sent to in the end.
func (p *provider) arrives(b *client, path string, v visitor) (page string) {
	p.t.Helper()
	return b.call("GET", p.asks(b, b.begins(path), v), nil).status(303).header("Location")
}

// trade is the log-in with the code in the address of a page.
func (c *client) trade(page string) *answer {
	c.t.Helper()
	return c.call("POST", "/v1/sessions", map[string]any{"login_code": codeIn(c.t, page)})
}

func codeIn(t testing.TB, page string) string {
	t.Helper()
	parts := strings.FieldsFunc(page, func(r rune) bool { return r == '#' || r == '&' })
	i := slices.IndexFunc(parts, func(part string) bool { return strings.HasPrefix(part, "login_code=") })
	if i < 0 {
		t.Fatalf("there is no code in %q", page)
	}
	return strings.TrimPrefix(parts[i], "login_code=")
}

// logsIn is a client of its own, a browser, that has logged in through the provider.
func (p *provider) logsIn(c *client, v visitor) *client {
	p.t.Helper()
	b := c.browser()
	b.trade(p.arrives(b, "/v1/auth/mock", v)).status(201).into(&b.Session)
	return b
}

// links makes somebody at the provider a way into the client's account, and answers the identity's id.
func (p *provider) links(c *client) (id string) {
	p.t.Helper()
	p.linksWith(c, visitor{subject: unique("visitor")}).status(303)
	list := get[models.Page[models.Identity]](c, identitiesPath).Items
	return list[len(list)-1].ID
}

// linksWith has the client's user go through a log-in at the provider that began with their token.
func (p *provider) linksWith(c *client, v visitor) *answer {
	p.t.Helper()
	b := c.browser()
	b.AccessToken = c.AccessToken
	callback := p.asks(b, b.begins("/v1/auth/mock"), v)
	b.AccessToken = "" // which a browser does not send with a page
	return b.call("GET", callback, nil)
}

const identitiesPath = "/v1/users/me/identities"
