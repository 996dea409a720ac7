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

// gitHub answers as GitHub does to log-ins: its pages, its tokens, and what its API says of a user.
type gitHub struct {
	*httptest.Server
	t       *testing.T
	mu      sync.Mutex
	codes   map[string]url.Values // the requests that were granted
	user    map[string]any        // whoever logs in
	refuses bool                  // whether its API does
}

func newGitHub(t *testing.T) *gitHub {
	g := &gitHub{t: t, codes: map[string]url.Values{}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login/oauth/authorize", g.authorize)
	mux.HandleFunc("POST /login/oauth/access_token", g.issue)
	mux.HandleFunc("GET /api/v3/user", g.tell)
	g.Server = httptest.NewServer(mux)
	t.Cleanup(g.Close)
	return g
}

func (g *gitHub) authorize(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked := r.URL.Query()
	if asked.Get("client_id") != "id" || asked.Get("code_challenge_method") != "S256" || asked.Get("scope") != "" {
		g.t.Errorf("GitHub is asked for %v", asked)
	}
	code := rand.Text()
	g.codes[code] = asked
	http.Redirect(w, r, asked.Get("redirect_uri")+"?"+url.Values{"code": {code}, "state": {asked.Get("state")}}.Encode(), http.StatusFound)
}

func (g *gitHub) issue(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	asked := g.codes[r.FormValue("code")]
	delete(g.codes, r.FormValue("code"))
	challenge := sha256.Sum256([]byte(r.FormValue("code_verifier")))
	w.Header().Set("Content-Type", "application/x-www-form-urlencoded")
	if asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(challenge[:]) || r.FormValue("client_secret") != "secret" ||
		r.FormValue("redirect_uri") != asked.Get("redirect_uri") {
		_, _ = w.Write([]byte("error=bad_verification_code&error_description=The+code+is+incorrect+or+expired.")) // with status 200, as it is
		return
	}
	_, _ = w.Write([]byte("access_token=gho_1&scope=&token_type=bearer"))
}

func (g *gitHub) tell(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.refuses || r.Header.Get("Authorization") != "Bearer gho_1" {
		http.Error(w, `{"message":"Bad credentials"}`, http.StatusUnauthorized)
		return
	}
	_ = json.NewEncoder(w).Encode(g.user)
}

// is makes somebody whoever logs in next.
func (g *gitHub) is(user map[string]any) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.user = user
}

// asks has the browser go to GitHub, and answers the path that it is sent back to.
func (g *gitHub) asks(b *harness.Client, at string) string {
	res, err := b.HTTP.Get(at)
	if err != nil {
		g.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.Header.Get("Location")[len(b.URL):]
}

// TestGitHub logs in through GitHub, which is known by its name and has its users' ids asked of its API.
func TestGitHub(t *testing.T) {
	t.Parallel()
	g := newGitHub(t)
	s := harness.StartServer(t, harness.NewSQLite(t), "--oidc", "name=github,client_id=id,client_secret=secret,url="+g.URL+"/")
	c := harness.NewClient(t, s.URL)
	logsIn := func(user map[string]any) *harness.Client {
		g.is(user)
		b := c.NewBrowser()
		page := b.Call("GET", g.asks(b, b.BeginLogIn("/v1/auth/github")), nil).ExpectStatus(303).Header("Location")
		b.RedeemLoginCode(page).ExpectStatus(201).Decode(&b.Session)
		return b
	}
	mona := logsIn(map[string]any{"id": 583231, "login": "octocat", "name": "The Octocat", "email": "octocat@github.com"})
	if mona.User.Username != "octocat" || mona.User.DisplayName != "The Octocat" {
		t.Errorf("got %+v", mona.User)
	}
	identity := identities(mona)[0]
	if identity.Issuer != g.URL || identity.Subject != "583231" || identity.Provider != "github" {
		t.Errorf("got %+v", identity)
	}
	if again := logsIn(map[string]any{"id": 583231, "login": "renamed"}); again.User.ID != mona.User.ID {
		t.Errorf("under another name there comes %+v", again.User)
	}
	if other := logsIn(map[string]any{"id": 2, "login": "octocat", "name": nil}); other.User.ID == mona.User.ID || other.User.Username != "octocat2" {
		t.Errorf("under the same name there comes %+v", other.User)
	}

	g.is(map[string]any{"login": "nobody"})
	b := c.NewBrowser()
	b.Call("GET", g.asks(b, b.BeginLogIn("/v1/auth/github")), nil).ExpectProblem(401, models.CodeBadCredentials)
	callback := g.asks(b, b.BeginLogIn("/v1/auth/github"))
	g.mu.Lock()
	clear(g.codes)
	g.mu.Unlock()
	b.Call("GET", callback, nil).ExpectProblem(401, models.CodeBadCredentials)
	callback = g.asks(b, b.BeginLogIn("/v1/auth/github"))
	g.mu.Lock()
	g.refuses = true
	g.mu.Unlock()
	b.Call("GET", callback, nil).ExpectProblem(503, models.CodeUnavailable)
}

// TestGitHubItself: without a URL it is github.com.
func TestGitHubItself(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t), "--oidc", "name=github,client_id=id,client_secret=secret", "--public-url", "https://chat.example/")
	begun := harness.NewClient(t, s.URL).Call("GET", "/v1/auth/github", nil).ExpectStatus(303)
	at, err := url.Parse(begun.Header("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if at.Host != "github.com" || at.Path != "/login/oauth/authorize" || at.Query().Get("redirect_uri") != "https://chat.example/v1/auth/github/callback" {
		t.Errorf("the browser is sent to %v", at)
	}
	if !begun.HTTP.Cookies()[0].Secure {
		t.Error("over https the cookie is not Secure")
	}
}
