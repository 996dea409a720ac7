package login

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestForgedOwnTokens comes with tokens that the product did not sign, or not for this, each of which differs from a
// good one in one thing.
func TestForgedOwnTokens(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := newProduct(t)
		c := harness.NewClient(t, harness.StartServer(t, database, p.flags()...).URL)
		refused := func(name string, code models.Code, signed string) {
			t.Helper()
			a := c.WithToken(signed).Call("GET", "/v1/users/me", nil)
			if a.HTTP.StatusCode != 401 {
				t.Errorf("a token %s: %v", name, a)
				return
			}
			a.ExpectProblem(401, code)
			// It is no way into the stream either, nor to be let in where a token may be left out.
			c.WithToken(signed).Send("GET", "/v1/events", nil, "Accept", "application/json").ExpectProblem(401, code)
			c.WithoutToken().Send("GET", "/v1/events", nil, "Cookie", "parley_events="+signed).ExpectProblem(401, models.CodeUnauthenticated)
			c.WithToken(signed).Send("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("x"), Password: harness.Password}).ExpectProblem(401, code)
		}
		for name, more := range map[string]jwt.MapClaims{
			"for another audience":           {"aud": "other"},
			"for nobody":                     {"aud": nil},
			"for everybody":                  {"aud": ""},
			"of nobody":                      {"iss": nil},
			"of another issuer":              {"iss": productIssuer + "/"},
			"of Parley":                      {"iss": "parley", "aud": "api", "sid": "x", "sub": "1"},
			"without an end":                 {"exp": nil},
			"that is not good yet":           {"nbf": time.Now().Add(time.Hour).Unix()},
			"about nobody":                   {"sub": ""},
			"about nobody at all":            {"sub": nil},
			"about a number":                 {"sub": 1},
			"about too much":                 {"sub": strings.Repeat("x", 256)},
			"about what cannot be stored":    {"sub": "a\u0000b"},
			"that has ended, and for others": {"exp": time.Now().Add(-time.Hour).Unix(), "aud": "other"},
		} {
			refused(name, models.CodeUnauthenticated, p.token("1", more))
		}
		refused("that has ended", models.CodeTokenExpired, p.token("1", jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}))
		for name, signed := range forgedProductTokens(t, p) {
			refused(name, models.CodeUnauthenticated, signed)
		}
		p.sends(c, "1", nil)
		p.sends(c, "1", jwt.MapClaims{"exp": time.Now().Add(-5 * time.Second).Unix()}) // as clocks differ
		if found := harness.Get[models.Page[models.User]](p.sends(c, "1", nil), "/v1/users?prefix=u").Items; len(found) != 1 {
			t.Errorf("the tokens made %+v", found)
		}
	})
}

// forgedProductTokens are tokens that say what a good one says, and are not signed by the product.
func forgedProductTokens(t *testing.T, p *product) map[string]string {
	t.Helper()
	strange, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(p.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	// Another server's keys, which a token must not be able to point at.
	evil := newProduct(t)
	t.Cleanup(func() {
		if evil.timesAsked() != 0 {
			t.Error("keys were fetched from where a token says that they are")
		}
	})
	claims := claimsOf("1", nil)
	good := signedBy(t, jwt.SigningMethodRS256, p.private, map[string]any{"kid": p.kid}, claims)
	parts := strings.Split(good, ".")
	return map[string]string{
		"alg none":                    signedBy(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType, map[string]any{"kid": p.kid}, claims),
		"signed by the public key":    signedBy(t, jwt.SigningMethodHS256, public, map[string]any{"kid": p.kid}, claims),
		"signed by its bytes":         signedBy(t, jwt.SigningMethodHS256, der, map[string]any{"kid": p.kid}, claims),
		"signed by nothing":           signedBy(t, jwt.SigningMethodHS256, []byte{}, map[string]any{"kid": p.kid}, claims),
		"under an unknown key":        signedBy(t, jwt.SigningMethodRS256, strange, map[string]any{"kid": "unknown"}, claims),
		"under a strange key":         signedBy(t, jwt.SigningMethodRS256, strange, map[string]any{"kid": p.kid}, claims),
		"under a strange key, no kid": signedBy(t, jwt.SigningMethodRS256, strange, nil, claims),
		"by another algorithm":        signedBy(t, jwt.SigningMethodPS256, p.private, map[string]any{"kid": p.kid}, claims),
		"by another kind of key":      signedBy(t, jwt.SigningMethodES256, curve, map[string]any{"kid": p.kid}, claims),
		"whose key is elsewhere": signedBy(t, jwt.SigningMethodRS256, evil.private,
			map[string]any{"kid": evil.kid + "x", "jku": evil.URL + "/keys", "x5u": evil.URL + "/keys"}, claims),
		"that brings its key": signedBy(t, jwt.SigningMethodRS256, strange,
			map[string]any{"kid": "own", "jwk": jose.JSONWebKey{Key: strange.Public(), KeyID: "own"}}, claims),
		"with a kid that is no text":   signedBy(t, jwt.SigningMethodRS256, strange, map[string]any{"kid": []int{1}}, claims),
		"without its signature":        parts[0] + "." + parts[1] + ".",
		"with another's signature":     parts[0] + "." + parts[1] + "." + strings.Split(p.token("2", nil), ".")[2],
		"with claims of somebody else": parts[0] + "." + strings.Split(p.token("2", nil), ".")[1] + "." + parts[2],
	}
}

// TestProductKeys: keys that come are found, keys that go are forgotten, and who makes names up for keys has them
// looked for a few times and no more.
func TestProductKeys(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	p.goesAway(true)
	c := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t), p.flags()...).URL) // starts, though the keys cannot be had
	a := c.WithToken(p.token("1", nil)).Call("GET", "/v1/users/me", nil)
	a.ExpectProblem(503, models.CodeUnavailable)
	if a.Header("Retry-After") == "" {
		t.Errorf("%v\ndoes not say when to try again", a)
	}
	p.goesAway(false)
	p.sends(c, "1", nil)
	old := p.token("1", nil)
	p.rotate("key-2")
	p.sends(c, "1", nil)
	c.WithToken(old).Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	asked := p.timesAsked()
	if asked != 3 {
		t.Errorf("the keys were fetched %d times", asked)
	}
	claims := claimsOf("1", nil)
	for range 50 {
		forged := signedBy(t, jwt.SigningMethodRS256, p.private, map[string]any{"kid": rand.Text()}, claims)
		c.WithToken(forged).Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
	}
	if n := p.timesAsked() - asked; n > 5 {
		t.Errorf("50 names that were made up had the keys fetched %d times", n)
	}
	p.goesAway(true)
	p.sends(c, "1", nil) // by keys that are at hand
}

// TestKeysFromOnePlace: keys come from the address that is set, and not from where that sends.
func TestKeysFromOnePlace(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	elsewhere := httptest.NewServer(http.RedirectHandler(p.URL+"/keys", http.StatusFound))
	t.Cleanup(elsewhere.Close)
	c := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t), append(p.flags(), "--jwt-jwks", elsewhere.URL)...).URL)
	c.WithToken(p.token("1", nil)).Call("GET", "/v1/users/me", nil).ExpectProblem(503, models.CodeUnavailable)
	if p.timesAsked() > 0 {
		t.Error("the keys were fetched from another place")
	}
}

// TestJWTSettings: settings under which tokens would be worth nothing keep the server from starting.
func TestJWTSettings(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("a secret", 4)
	for fault, flags := range map[string][]string{
		"--jwt-audience are needed":        {"--jwt-issuer", "a", "--jwt-secret", secret},
		"--jwt-issuer and":                 {"--jwt-audience", "a", "--jwt-secret", secret},
		"one of --jwt-secret":              {"--jwt-issuer", "a", "--jwt-audience", "b"},
		"one of --jwt-secret and":          {"--jwt-issuer", "a", "--jwt-audience", "b", "--jwt-secret", secret, "--jwt-jwks", "https://a.example"},
		"32 bytes":                         {"--jwt-issuer", "a", "--jwt-audience", "b", "--jwt-secret", secret[1:]},
		"Parley's own":                     {"--jwt-issuer", "parley", "--jwt-audience", "b", "--jwt-secret", secret},
		"is not an https:// URL":           {"--jwt-issuer", "a", "--jwt-audience", "b", "--jwt-jwks", "keys.json"},
		"--jwt-algorithm must be one of R": {"--jwt-issuer", "a", "--jwt-audience", "b", "--jwt-jwks", "https://a.example", "--jwt-algorithm", "HS256"},
		"--jwt-algorithm must be one of H": {"--jwt-issuer", "a", "--jwt-audience", "b", "--jwt-secret", secret, "--jwt-algorithm", "none"},
	} {
		if err := harness.TryStartServer(t, harness.NewSQLite(t), flags...); err == nil || !strings.Contains(err.Error(), fault) {
			t.Errorf("%q: %v", flags, err)
		}
	}
}
