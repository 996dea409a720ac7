package login

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/oauth2-proxy/mockoidc"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestSocialAttacks tries to log in as another user through a provider, or to log another user in as the attacker.
func TestSocialAttacks(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p, other := harness.NewOIDCProvider(t), harness.NewOIDCProvider(t)
		s := harness.StartServer(t, database, "--oidc", p.Flag("mock"), "--oidc", other.Flag("other"))
		for _, sc := range []struct {
			name string
			play func(t *testing.T, c *harness.Client, p *harness.OIDCProvider)
		}{
			{"a callback in another browser", testCallbackInOtherBrowser},
			{"the code of another log-in", testCodeOfOtherLogIn},
			{"a replayed callback", testReplayedCallback},
			{"unrequested callbacks", testUnrequestedCallback},
			{"a callback of another provider", testOtherProvidersCallback},
			{"forged ID tokens", testForgedIDTokens},
			{"a name and an e-mail address of another user", testMatchingNameOrEmail},
			{"open redirects", testOpenRedirects},
		} {
			t.Run(sc.name, func(t *testing.T) {
				c := harness.NewClient(t, s.URL)
				sc.play(t, c, p)
				if found := harness.Get[models.Page[models.User]](c.NewGuest("observer"),
					"/v1/users?prefix=mallory").Items; len(found) != 0 {
					t.Errorf("an attack created the users %+v", found)
				}
			})
		}
	})
}

// mallory returns a user who must not get an account.
func mallory() harness.OIDCUser {
	return harness.OIDCUser{Subject: harness.UniqueName("mallory"), Username: harness.UniqueName("mallory")}
}

// testCallbackInOtherBrowser: an attacker begins a log-in and sends the callback to a victim, who would then write as
// the attacker. The callback is refused there; the attacker's own browser can still complete the log-in.
func testCallbackInOtherBrowser(_ *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	attacker, victim, stranger := c.NewBrowser(), c.NewBrowser(), c.NewBrowser()
	callback := p.Authorize(attacker, attacker.BeginLogIn("/v1/auth/mock"),
		harness.OIDCUser{Subject: harness.UniqueName("a"), Username: "attacker"})
	victim.BeginLogIn("/v1/auth/mock")
	victim.Call("GET", callback, nil).ExpectProblem(401, models.CodeBadCredentials)
	stranger.Call("GET", callback, nil).ExpectProblem(401, models.CodeBadCredentials)
	stranger.Call("GET", callback, nil, "Cookie", "parley_browser=").ExpectProblem(401, models.CodeBadCredentials)
	attacker.RedeemLoginCode(attacker.Call("GET", callback, nil).ExpectStatus(303).Header("Location")).ExpectStatus(201)
}

// testCodeOfOtherLogIn: an attacker uses the code of a victim's log-in in a log-in of their own. PKCE (RFC 7636) binds
// the code to the verifier of its own log-in.
func testCodeOfOtherLogIn(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	victim, attacker := c.NewBrowser(), c.NewBrowser()
	stolen := p.Authorize(victim, victim.BeginLogIn("/v1/auth/mock"), mallory())
	own := p.Authorize(attacker, attacker.BeginLogIn("/v1/auth/mock"), mallory())
	parts := [2]url.Values{}
	for i, callback := range []string{stolen, own} {
		u, err := url.Parse(callback)
		if err != nil {
			t.Fatal(err)
		}
		parts[i] = u.Query()
	}
	mixed := url.Values{"code": {parts[0].Get("code")}, "state": {parts[1].Get("state")}}
	attacker.Call("GET", "/v1/auth/mock/callback?"+mixed.Encode(), nil).ExpectProblem(401, models.CodeBadCredentials)
}

func testReplayedCallback(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	b := c.NewBrowser()
	callback := p.Authorize(b, b.BeginLogIn("/v1/auth/mock"),
		harness.OIDCUser{Subject: harness.UniqueName("a"), Username: "anybody"})
	b.Call("GET", callback, nil).ExpectStatus(303)
	b.Call("GET", callback, nil).ExpectProblem(401, models.CodeBadCredentials)
	// A refusal at the provider ends the log-in, too.
	refusing := mallory()
	refusing.DeniesAccess = true
	callback = p.Authorize(b, b.BeginLogIn("/v1/auth/mock"), refusing)
	b.Call("GET", callback, nil).ExpectProblem(401, models.CodeBadCredentials)
	b.Call("GET", callback+"&code=x", nil).ExpectProblem(401, models.CodeBadCredentials)
	// A browser is sent back to the page where the log-in began, with the error.
	callback = p.Authorize(b, b.BeginLogIn("/v1/auth/mock?redirect=/%23/rooms/7"), refusing)
	page := []string{"Accept", "text/html,application/xhtml+xml,*/*;q=0.8"}
	refused := b.Call("GET", callback, nil, page...).ExpectStatus(303)
	if to := refused.Header("Location"); to != "/#/rooms/7&login_error=bad_credentials" {
		t.Errorf("after a refusal the browser is redirected to %q", to)
	}
	b.Call("GET", callback, nil, page...).ExpectProblem(401, models.CodeBadCredentials)
}

func testUnrequestedCallback(_ *testing.T, c *harness.Client, _ *harness.OIDCProvider) {
	b := c.NewBrowser()
	b.BeginLogIn("/v1/auth/mock")
	for _, query := range []string{
		"", "?code=x", "?state=x", "?code=x&state=", "?code=x&state=x", "?error=access_denied",
		"?code=x&state=" + strings.Repeat("x", 10_000),
	} {
		b.Call("GET", "/v1/auth/mock/callback"+query, nil).ExpectProblem(401, models.CodeBadCredentials)
	}
	for _, name := range []string{"", "x", strings.Repeat("A", 26)} {
		b.Call("POST", "/v1/sessions", map[string]any{"login_code": name + "x"}).ExpectProblem(401, models.CodeBadCredentials)
	}
	b.CallInvalid("POST", "/v1/sessions", map[string]any{"login_code": ""}).ExpectRefusal(models.CodeInvalidRequest)
	b.CallInvalid("POST", "/v1/sessions", map[string]any{"login_code": "x", "username": "ada"}).ExpectInvalid("username")
}

// testOtherProvidersCallback: a log-in with one provider cannot end at the callback of another provider, which would
// get the code and may belong to an attacker.
func testOtherProvidersCallback(_ *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	b := c.NewBrowser()
	callback := p.Authorize(b, b.BeginLogIn("/v1/auth/mock"),
		harness.OIDCUser{Subject: harness.UniqueName("a"), Username: "anybody"})
	b.Call("GET", strings.Replace(callback, "/mock/", "/other/", 1), nil).ExpectProblem(401, models.CodeBadCredentials)
	b.Call("GET", strings.Replace(callback, "/mock/", "/unknown/", 1), nil).ExpectProblem(404, models.CodeNotFound)
	b.Call("GET", callback, nil).ExpectStatus(303) // the log-in is still valid
}

// testForgedIDTokens has the provider return ID tokens that are not for this log-in, or not signed by the provider.
// Each differs from a valid one in one point.
func testForgedIDTokens(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	signWith := func(method jwt.SigningMethod, kid string, key any) func(jwt.MapClaims) string {
		return func(claims jwt.MapClaims) string {
			token := jwt.NewWithClaims(method, claims)
			if kid != "" {
				token.Header["kid"] = kid
			}
			signed, err := token.SignedString(key)
			if err != nil {
				t.Error(err)
			}
			return signed
		}
	}
	claim := func(name string, value any) func(jwt.MapClaims) {
		return func(claims jwt.MapClaims) {
			if claims[name] = value; value == nil {
				delete(claims, name)
			}
		}
	}
	kid, err := p.Keypair.KeyID()
	if err != nil {
		t.Fatal(err)
	}
	otherKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(p.Keypair.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	validSign := signWith(jwt.SigningMethodRS256, kid, p.Keypair.PrivateKey)
	for _, forged := range []struct {
		name    string
		changed func(jwt.MapClaims)
		sign    func(jwt.MapClaims) string
	}{
		{"of another log-in", claim("nonce", rand.Text()), validSign},
		{"without a nonce", claim("nonce", nil), validSign},
		{"for another client", claim("aud", "another"), validSign},
		{"without an audience", claim("aud", nil), validSign},
		{"of another issuer", claim("iss", "https://accounts.google.com"), validSign},
		{"expired", claim("exp", time.Now().Add(-time.Minute).Unix()), validSign},
		{"without an expiry", claim("exp", nil), validSign},
		{"not valid yet", claim("nbf", time.Now().Add(time.Hour).Unix()), validSign},
		{"with an empty subject", claim("sub", ""), validSign},
		{"without a subject", claim("sub", nil), validSign},
		{"with a subject that is too long", claim("sub", strings.Repeat("x", 10_000)), validSign},
		{"alg none", nil, signWith(jwt.SigningMethodNone, kid, jwt.UnsafeAllowNoneSignatureType)},
		{"signed with the public key as a secret", nil, signWith(jwt.SigningMethodHS256, kid, public)},
		{"signed with the client secret", nil, signWith(jwt.SigningMethodHS256, "", []byte(p.ClientSecret))},
		{"signed with an unknown key", nil, signWith(jwt.SigningMethodRS256, "unknown", otherKey)},
		{"signed with another key under the same kid", nil, signWith(jwt.SigningMethodRS256, kid, otherKey)},
		{"signed with another algorithm", nil, signWith(jwt.SigningMethodPS256, kid, p.Keypair.PrivateKey)},
		{"that cannot be parsed", nil, func(jwt.MapClaims) string { return "a.b.c" }},
		{"that is empty", nil, func(jwt.MapClaims) string { return "" }},
	} {
		v := mallory()
		v.ChangeClaims = forged.changed
		p.SignWith(forged.sign)
		b := c.NewBrowser()
		a := b.Call("GET", p.Authorize(b, b.BeginLogIn("/v1/auth/mock"), v), nil)
		if a.HTTP.StatusCode != http.StatusUnauthorized {
			t.Errorf("an ID token %s: got %v, want 401", forged.name, a)
			continue
		}
		a.ExpectProblem(401, models.CodeBadCredentials)
	}
	p.SignWith(validSign) // a valid token is accepted, so the others were refused for their fault
	p.LogIn(c, harness.OIDCUser{Subject: harness.UniqueName("good"), Username: "good"})
	p.SignWith(nil)
}

// testMatchingNameOrEmail: the name or e-mail address of an existing user does not give access to their account.
func testMatchingNameOrEmail(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	owner := p.LogIn(c, harness.OIDCUser{Subject: harness.UniqueName("o"), Username: "owner", Email: "owner@example.org",
		EmailVerified: true})
	local := c.NewAccount("local")
	for _, v := range []harness.OIDCUser{
		{Subject: harness.UniqueName("t"), Username: owner.User.Username, Email: "owner@example.org"},
		{Subject: harness.UniqueName("t"), Username: local.User.Username, Email: "owner@example.org", EmailVerified: true},
		{Subject: "owner@example.org", Username: "x", Email: "owner@example.org", EmailVerified: true},
	} {
		if u := p.LogIn(c, v).User; u.ID == owner.User.ID || u.ID == local.User.ID {
			t.Errorf("%+v logged in as %+v", v, u)
		}
	}
}

func testOpenRedirects(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	b := c.NewBrowser()
	for _, to := range []string{
		"https://evil.example", "http://evil.example/", "//evil.example", "///evil.example", "////evil.example",
		`/\evil.example`, `\\evil.example`,
		`\/evil.example`, "evil.example", "", "javascript:alert(1)", "data:text/html,x",
		"/\t/evil.example", "/\n/evil.example", "\t//evil.example",
		" //evil.example", "https:evil.example", "https:/evil.example", "?x", "#x", ".", "../x", "/%zz",
		"/a\r\nSet-Cookie: x=y", "/\u0085/x",
		"/" + strings.Repeat("x", 2048), "//%65vil.example", "/ /x", "user@evil.example",
	} {
		b.CallInvalid("GET", "/v1/auth/mock?redirect="+url.QueryEscape(to), nil).ExpectInvalid("redirect")
	}
	home, err := url.Parse(c.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []string{
		"/", "/#/rooms/7", "/chat?room=7&x=//evil.example", "/a/../b", "/.//evil.example", "/%2F/evil.example",
		"/@evil.example", "/:80",
		"/%5Cevil.example", "/schön#ü", "/%09/evil.example", "/" + strings.Repeat("x", 2000),
	} {
		page := p.LogInToPage(b, "/v1/auth/mock?redirect="+url.QueryEscape(to),
			harness.OIDCUser{Subject: "redirected", Username: "anybody"})
		harness.LoginCode(t, page)
		at, err := home.Parse(page)
		if err != nil || at.Host != home.Host || at.Scheme != home.Scheme || !strings.HasPrefix(page, "/") ||
			strings.HasPrefix(page, "//") {
			t.Errorf("%q redirects to %q: %v, %v", to, page, at, err)
		}
	}
}

// TestProviderUnavailable: a provider that is unreachable, does not respond or never ends its response affects only
// log-ins through it. The server asks it again when it is back.
func TestProviderUnavailable(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	silent, err := net.Listen("tcp", "127.0.0.1:0") // accepts connections and never responds
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = silent.Close() }()
	endless := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for chunk := make([]byte, 1<<16); ; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	}))
	defer endless.Close()
	broken := httptest.NewServer(http.NotFoundHandler())
	defer broken.Close()
	p := harness.NewOIDCProvider(t)
	const rest = ",client_id=id,client_secret=secret"
	s := harness.StartServer(t, harness.NewSQLite(t), "--oidc", p.Flag("mock"),
		"--oidc", "name=silent,issuer=http://"+silent.Addr().String()+rest, "--oidc", "name=endless,issuer="+endless.URL+rest,
		"--oidc", "name=broken,issuer="+broken.URL+rest, "--oidc",
		"name=unreachable,issuer=http://"+harness.FreeAddress(t)+rest)
	c := harness.NewClient(t, s.URL)
	for _, name := range []string{"silent", "endless", "broken", "unreachable"} {
		a := c.Call("GET", "/v1/auth/"+name, nil)
		a.ExpectProblem(503, models.CodeUnavailable)
		if a.Header("Retry-After") == "" {
			t.Errorf("%v\nhas no Retry-After", a)
		}
		if to := c.BeginLogIn("/v1/auth/" + name + "?redirect=/chat"); to != "/chat#login_error=unavailable" {
			t.Errorf("the browser is redirected to %q", to)
		}
	}
	b := c.NewBrowser()
	p.QueueError(&mockoidc.ServerError{Code: http.StatusBadGateway, Error: "unavailable"})
	b.Call("GET", "/v1/auth/mock", nil).ExpectProblem(503, models.CodeUnavailable)
	harness.Eventually(t, "the provider is asked again",
		func() bool { return b.Call("GET", "/v1/auth/mock", nil).HTTP.StatusCode == 303 })
	callback := p.Authorize(b, b.BeginLogIn("/v1/auth/mock"), mallory())
	p.QueueError(&mockoidc.ServerError{Code: http.StatusBadGateway, Error: "unavailable"})
	// The server tries a second method of client authentication.
	p.QueueError(&mockoidc.ServerError{Code: http.StatusBadGateway, Error: "unavailable"})
	b.Call("GET", callback, nil).ExpectProblem(503, models.CodeUnavailable)
	b.Call("GET", callback, nil).ExpectProblem(401, models.CodeBadCredentials) // the failed log-in has ended
	if n := p.RequestCount(mockoidc.DiscoveryEndpoint); n != 2 {               // one failed and one successful request
		t.Errorf("the discovery document was requested %d times, want 2", n)
	}
}

// TestProviderSettings: the server does not start with an invalid --oidc.
func TestProviderSettings(t *testing.T) {
	t.Parallel()
	for setting, fault := range map[string]string{
		"google":        "is not as in",
		"name=google":   "client_id",
		"name=Google X": "lower case",
		"name=providers,issuer=https://a.example,client_id=a,client_secret=b":                    "lower case",
		"name=google,client_id=a,client_secret=b":                                                "issuer is needed",
		"name=google,issuer=accounts.google.com,client_id=a,client_secret=b":                     "is not an https:// URL",
		"name=google,issuer=https://a.example,client_id=a":                                       "client_secret",
		"name=google,issuer=https://a.example,client_id=a,client_secret=b,scope=c":               "",
		"name=github,client_id=a,client_secret=b,c,d":                                            "",
		"name=google,issuer=https://a.example,url=https://b.example,client_id=a,client_secret=b": "for GitHub alone",
	} {
		err := harness.TryStartServer(t, harness.NewSQLite(t), "--oidc", setting)
		if fault == "" && err != nil || fault != "" && (err == nil || !strings.Contains(err.Error(), fault)) {
			t.Errorf("--oidc %q: %v", setting, err)
		}
	}
	twice := "name=github,client_id=a,client_secret=b"
	if err := harness.TryStartServer(t, harness.NewSQLite(t), "--oidc", twice, "--oidc", twice); err == nil {
		t.Error("two providers with the same name were accepted")
	}
}
