package login

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// fakeGitHub implements the parts of GitHub that a log-in needs: authorization, tokens, and the user API.
type fakeGitHub struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	codes   map[string]url.Values // authorization requests by code
	user    map[string]any        // the next user who logs in
	refuses bool                  // the user API refuses the token
}

func newFakeGitHub(t *testing.T) *fakeGitHub {
	g := &fakeGitHub{t: t, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/oauth/authorize", g.authorize)
	mux.HandleFunc("POST /login/oauth/access_token", g.issueToken)
	mux.HandleFunc("GET /api/v3/user", g.serveUser)
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)
	return g
}

func (g *fakeGitHub) authorize(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	request := r.URL.Query()
	if request.Get("client_id") != "id" || request.Get("code_challenge_method") != "S256" || request.Get("scope") != "" {
		g.t.Errorf("the authorization request is %v", request)
	}
	code := rand.Text()
	g.codes[code] = request
	http.Redirect(w, r, request.Get("redirect_uri")+"?"+url.Values{"code": {code},
		"state": {request.Get("state")}}.Encode(), http.StatusFound)
}

func (g *fakeGitHub) issueToken(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	request := g.codes[r.FormValue("code")]
	delete(g.codes, r.FormValue("code"))
	challenge := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
	if request.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(challenge[:]) ||
		r.FormValue("client_secret") != "secret" ||
		r.FormValue("redirect_uri") != request.Get("redirect_uri") {
		// GitHub returns errors with the status 200.
		_, _ = w.Write([]byte("error=bad_verification_code&error_description=The+code+is+incorrect+or+expired."))
		return
	}
	_, _ = w.Write([]byte("access_token=gho_1&scope=&token_type=bearer"))
}

func (g *fakeGitHub) serveUser(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuses || r.Header.Get("Authorization") != "Bearer gho_1" {
		http.Error(w, `{"message":"Bad credentials"}`, http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(g.user)
}

// setUser sets the user who logs in next.
func (g *fakeGitHub) setUser(user map[string]any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.user = user
}

// visitAuthorization opens the authorization page in the browser, and returns the path of the callback.
func (g *fakeGitHub) visitAuthorization(b *harness.Client, at string) string {
	res, err := b.HTTP.Get(at)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.Header.Get("Location")[len(b.URL):]
}

// TestGitHubLogIn logs in through GitHub. The provider named github has no discovery document; the user API
// returns the id of the user.
func TestGitHubLogIn(t *testing.T) {
	t.Parallel()
	g := newFakeGitHub(t)
	s := harness.StartServer(t, harness.NewSQLite(t), "--oidc",
		"name=github,client_id=id,client_secret=secret,url="+g.URL+"/")
	c := harness.NewClient(t, s.URL)
	logIn := func(user map[string]any) *harness.Client {
		g.setUser(user)
		b := c.NewBrowser()
		page := b.Call("GET", g.visitAuthorization(b, b.BeginLogIn("/v1/auth/github")), nil).ExpectStatus(303).
			Header("Location")
		b.RedeemLoginCode(page).ExpectStatus(201).Decode(&b.Session)
		return b
	}
	mona := logIn(map[string]any{"id": 583231, "login": "octocat", "name": "The Octocat", "email": "octocat@github.com"})
	if mona.User.Username != "octocat" || mona.User.DisplayName != "The Octocat" {
		t.Errorf("got %+v", mona.User)
	}
	identity := identities(mona)[0]
	if identity.Issuer != g.URL || identity.Subject != "583231" || identity.Provider != "github" {
		t.Errorf("got %+v", identity)
	}
	if again := logIn(map[string]any{"id": 583231, "login": "renamed"}); again.User.ID != mona.User.ID {
		t.Errorf("after a change of the name the user is %+v", again.User)
	}
	if other := logIn(map[string]any{"id": 2, "login": "octocat", "name": nil}); other.User.ID == mona.User.ID ||
		other.User.Username != "octocat2" {
		t.Errorf("another user with the same name is %+v", other.User)
	}

	g.setUser(map[string]any{"login": "nobody"})
	b := c.NewBrowser()
	b.Call("GET", g.visitAuthorization(b, b.BeginLogIn("/v1/auth/github")), nil).
		ExpectProblem(401, models.CodeBadCredentials)
	callback := g.visitAuthorization(b, b.BeginLogIn("/v1/auth/github"))
	g.mu.Lock()
	clear(g.codes)
	g.mu.Unlock()
	b.Call("GET", callback, nil).ExpectProblem(401, models.CodeBadCredentials)
	callback = g.visitAuthorization(b, b.BeginLogIn("/v1/auth/github"))
	g.mu.Lock()
	g.refuses = true
	g.mu.Unlock()
	b.Call("GET", callback, nil).ExpectProblem(503, models.CodeUnavailable)
}

// TestGitHubDefaultURL: without a URL in the setting the provider is github.com.
func TestGitHubDefaultURL(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t), "--oidc", "name=github,client_id=id,client_secret=secret",
		"--public-url", "https://chat.example/")
	start := harness.NewClient(t, s.URL).Call("GET", "/v1/auth/github", nil).ExpectStatus(303)
	at, err := url.Parse(start.Header("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if at.Host != "github.com" || at.Path != "/login/oauth/authorize" ||
		at.Query().Get("redirect_uri") != "https://chat.example/v1/auth/github/callback" {
		t.Errorf("the browser is redirected to %v", at)
	}
	if !start.HTTP.Cookies()[0].Secure {
		t.Error("the cookie is not Secure although the public URL is https")
	}
}
