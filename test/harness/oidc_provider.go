package harness

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

// OIDCProvider is an OpenID Connect provider on a port of its own. The next user in its queue logs in. It is as strict
// as the strictest providers: PKCE, state and nonce are required, and redirect URIs are compared byte by byte.
type OIDCProvider struct {
	*mockoidc.MockOIDC
	t testing.TB

	mu        sync.Mutex        // held during each request
	Requests  []string          // the paths of all requests
	callbacks map[string]string // authorization code → redirect URI
	// sign, unless it is nil, signs the ID tokens in place of the provider.
	sign func(claims jwt.MapClaims) string
}

// OIDCUser is a user of the provider. ChangeClaims changes the claims of the ID token before it is signed.
type OIDCUser struct {
	Subject, Username, Name, Email string
	EmailVerified                  bool
	DeniesAccess                   bool // denies Parley the access
	ChangeClaims                   func(claims jwt.MapClaims)
}

// ID implements mockoidc.User.
func (v OIDCUser) ID() string { return v.Subject }

// Userinfo implements mockoidc.User.
func (v OIDCUser) Userinfo([]string) ([]byte, error) {
	return json.Marshal(map[string]string{"sub": v.Subject, "preferred_username": v.Username})
}

// Claims implements mockoidc.User.
func (v OIDCUser) Claims(_ []string, base *mockoidc.IDTokenClaims) (jwt.Claims, error) {
	claims := jwt.MapClaims{
		"iss":                base.Issuer,
		"aud":                base.Audience,
		"sub":                v.Subject,
		"iat":                base.IssuedAt,
		"exp":                base.ExpiresAt,
		"nonce":              base.Nonce,
		"preferred_username": v.Username,
		"name":               v.Name,
		"email":              v.Email,
		"email_verified":     v.EmailVerified,
	}
	if v.ChangeClaims != nil {
		v.ChangeClaims(claims)
	}
	return claims, nil
}

// NewOIDCProvider starts a provider, which stops at the end of the test.
func NewOIDCProvider(t testing.TB) *OIDCProvider {
	t.Helper()
	p := &OIDCProvider{t: t, callbacks: map[string]string{}}
	var err error
	if p.MockOIDC, err = mockoidc.NewServer(nil); err != nil {
		t.Fatal(err)
	}
	if err := p.AddMiddleware(p.enforceStrictness); err != nil {
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

func (p *OIDCProvider) stop() {
	if err := p.Shutdown(); err != nil {
		p.t.Error(err)
	}
}

// Flag returns the value of the --oidc flag that configures the provider under the name.
func (p *OIDCProvider) Flag(name string) string {
	return fmt.Sprintf("name=%s,issuer=%s,client_id=%s,client_secret=%s", name, p.Issuer(), p.ClientID, p.ClientSecret)
}

// enforceStrictness rejects what a strict provider rejects, and replaces the signature of ID tokens if sign is set.
func (p *OIDCProvider) enforceStrictness(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.Requests = append(p.Requests, r.URL.Path)
		recorder := httptest.NewRecorder()
		switch r.URL.Path {
		case mockoidc.AuthorizationEndpoint:
			p.authorize(recorder, r, next)
		case mockoidc.TokenEndpoint:
			p.issueToken(recorder, r, next)
		default:
			next.ServeHTTP(recorder, r)
		}
		for name, values := range recorder.Header() {
			w.Header()[name] = values
		}
		w.WriteHeader(recorder.Code)
		_, _ = w.Write(recorder.Body.Bytes())
	})
}

func (p *OIDCProvider) authorize(w *httptest.ResponseRecorder, r *http.Request, next http.Handler) {
	for _, required := range []string{"state", "nonce", "code_challenge", "redirect_uri"} {
		if len(r.FormValue(required)) < 20 {
			http.Error(w, required+" is required", http.StatusBadRequest)
			return
		}
	}
	if r.FormValue("code_challenge_method") != "S256" {
		http.Error(w, "code_challenge_method must be S256", http.StatusBadRequest)
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
		if user, ok := session.User.(OIDCUser); ok && user.DeniesAccess {
			to.RawQuery = url.Values{"error": {"access_denied"}, "state": {r.FormValue("state")}}.Encode()
			w.Header().Set("Location", to.String())
		}
	}
}

func (p *OIDCProvider) issueToken(w *httptest.ResponseRecorder, r *http.Request, next http.Handler) {
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

// SignWith makes f sign the ID tokens. With nil, the provider signs them itself again.
func (p *OIDCProvider) SignWith(f func(claims jwt.MapClaims) string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sign = f
}

// RequestCount returns how many requests the provider has received on the path.
func (p *OIDCProvider) RequestCount(path string) (n int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, requested := range p.Requests {
		if requested == path {
			n++
		}
	}
	return n
}

// NewBrowser returns a client of its own that keeps cookies.
func (c *Client) NewBrowser() *Client {
	c.T.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		c.T.Fatal(err)
	}
	b := c.WithoutToken()
	b.HTTP = &http.Client{Transport: c.HTTP.Transport, CheckRedirect: c.HTTP.CheckRedirect, Jar: jar}
	return b
}

// BeginLogIn begins a log-in in the browser and returns the URL to which the browser is redirected.
func (c *Client) BeginLogIn(path string) (location string) {
	c.T.Helper()
	return c.Call("GET", path, nil, "Accept", "text/html,*/*;q=0.8").ExpectStatus(303).Header("Location")
}

// Authorize opens the provider's page at location in the browser as the user, and returns the path of Parley to which
// the browser is redirected.
func (p *OIDCProvider) Authorize(b *Client, location string, user OIDCUser) (callback string) {
	p.t.Helper()
	p.QueueUser(user)
	res, err := b.HTTP.Get(location)
	if err != nil {
		p.t.Fatal(err)
	}
	_ = res.Body.Close()
	callback, atParley := strings.CutPrefix(res.Header.Get("Location"), b.URL)
	if res.StatusCode != http.StatusFound || !atParley {
		p.t.Fatalf("the provider responds with %s and redirects the browser to %q", res.Status, res.Header.Get("Location"))
	}
	return callback
}

// LogInToPage logs in through the provider in the browser, and returns the URL of the page at which the browser ends.
func (p *OIDCProvider) LogInToPage(b *Client, path string, user OIDCUser) (page string) {
	p.t.Helper()
	return b.Call("GET", p.Authorize(b, b.BeginLogIn(path), user), nil).ExpectStatus(303).Header("Location")
}

// RedeemLoginCode creates a session with the login code in the URL of a page.
func (c *Client) RedeemLoginCode(page string) *Response {
	c.T.Helper()
	return c.Call("POST", "/v1/sessions", map[string]any{"login_code": LoginCode(c.T, page)})
}

// LoginCode returns the login code in the URL of a page. The test fails if there is none.
func LoginCode(t testing.TB, page string) string {
	t.Helper()
	parts := strings.FieldsFunc(page, func(r rune) bool { return r == '#' || r == '&' })
	i := slices.IndexFunc(parts, func(part string) bool { return strings.HasPrefix(part, "login_code=") })
	if i < 0 {
		t.Fatalf("%q has no login_code", page)
	}
	return strings.TrimPrefix(parts[i], "login_code=")
}

// LogIn returns a new browser that has logged in through the provider.
func (p *OIDCProvider) LogIn(c *Client, user OIDCUser) *Client {
	p.t.Helper()
	b := c.NewBrowser()
	b.RedeemLoginCode(p.LogInToPage(b, "/v1/auth/mock", user)).ExpectStatus(201).Decode(&b.Session)
	return b
}

// LinkIdentity links a new user of the provider to the client's account, and returns the id of the identity.
func (p *OIDCProvider) LinkIdentity(c *Client) (id string) {
	p.t.Helper()
	p.LinkIdentityAs(c, OIDCUser{Subject: UniqueName("visitor")}).ExpectStatus(303)
	list := Get[models.Page[models.Identity]](c, IdentitiesPath).Items
	return list[len(list)-1].ID
}

// LinkIdentityAs links a user of the provider to the client's account, and returns the response of the callback.
func (p *OIDCProvider) LinkIdentityAs(c *Client, user OIDCUser) *Response {
	p.t.Helper()
	b := c.NewBrowser()
	b.AccessToken = c.AccessToken
	callback := p.Authorize(b, b.BeginLogIn("/v1/auth/mock"), user)
	b.AccessToken = "" // a browser does not send it when it opens a page
	return b.Call("GET", callback, nil)
}
