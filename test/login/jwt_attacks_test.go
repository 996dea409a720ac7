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

// TestForgedApplicationTokensAreRefused sends tokens that the application did not sign, or not for Parley. Each differs
// from a valid token in one point.
func TestForgedApplicationTokensAreRefused(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		issuer := newTokenIssuer(t)
		c := harness.NewClient(t, harness.StartServer(t, database, issuer.flags()...).URL)
		expectRefused := func(name string, code models.Code, signed string) {
			t.Helper()
			a := c.WithToken(signed).Call("GET", "/v1/users/me", nil)
			if a.HTTP.StatusCode != 401 {
				t.Errorf("a token %s: got %v, want 401", name, a)
				return
			}
			a.ExpectProblem(401, code)
			// It opens no stream either, and is refused where a token is optional.
			c.WithToken(signed).Send("GET", "/v1/events/log", nil).ExpectProblem(401, code)
			c.WithoutToken().Send("GET", "/v1/events", nil, "Cookie", "parley_events="+signed).
				ExpectProblem(401, models.CodeUnauthenticated)
			c.WithToken(signed).Send("POST", "/v1/users",
				models.NewUser{Username: harness.UniqueName("x"), Password: harness.Password}).ExpectProblem(401, code)
		}
		for name, more := range map[string]jwt.MapClaims{
			"for another audience":                     {"aud": "other"},
			"without an audience":                      {"aud": nil},
			"for an empty audience":                    {"aud": ""},
			"without an issuer":                        {"iss": nil},
			"of another issuer":                        {"iss": issuerName + "/"},
			"of Parley as the issuer":                  {"iss": "parley", "aud": "api", "sid": "x", "sub": "1"},
			"without an expiry":                        {"exp": nil},
			"that is not valid yet":                    {"nbf": time.Now().Add(time.Hour).Unix()},
			"with an empty subject":                    {"sub": ""},
			"without a subject":                        {"sub": nil},
			"with a number as the subject":             {"sub": 1},
			"with a subject that is too long":          {"sub": strings.Repeat("x", 256)},
			"with a subject that cannot be stored":     {"sub": "a\u0000b"},
			"that is expired and for another audience": {"exp": time.Now().Add(-time.Hour).Unix(), "aud": "other"},
		} {
			expectRefused(name, models.CodeUnauthenticated, issuer.token("1", more))
		}
		expectRefused("that is expired", models.CodeTokenExpired,
			issuer.token("1", jwt.MapClaims{"exp": time.Now().Add(-time.Minute).Unix()}))
		for name, signed := range forgedTokens(t, issuer) {
			expectRefused(name, models.CodeUnauthenticated, signed)
		}
		issuer.clientFor(c, "1", nil)
		// Within the tolerance for clock differences.
		issuer.clientFor(c, "1", jwt.MapClaims{"exp": time.Now().Add(-5 * time.Second).Unix()})
		if found := harness.Get[models.Page[models.User]](issuer.clientFor(c, "1", nil),
			"/v1/users?prefix=u").Items; len(found) != 1 {
			t.Errorf("the tokens created the users %+v, want one", found)
		}
	})
}

// forgedTokens returns tokens with the claims of a valid one that the application did not sign.
func forgedTokens(t *testing.T, issuer *tokenIssuer) map[string]string {
	t.Helper()
	otherKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKIXPublicKey(issuer.private.Public())
	if err != nil {
		t.Fatal(err)
	}
	public := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: der})
	// The keys of another server, which a token must not be able to refer to.
	attacker := newTokenIssuer(t)
	t.Cleanup(func() {
		if attacker.keyRequestCount() != 0 {
			t.Error("keys were fetched from a URL in a token")
		}
	})
	claims := tokenClaims("1", nil)
	good := signToken(t, jwt.SigningMethodRS256, issuer.private, map[string]any{"kid": issuer.kid}, claims)
	parts := strings.Split(good, ".")
	return map[string]string{
		"alg none": signToken(t, jwt.SigningMethodNone, jwt.UnsafeAllowNoneSignatureType,
			map[string]any{"kid": issuer.kid}, claims),
		"signed with the public key as a secret": signToken(t, jwt.SigningMethodHS256, public,
			map[string]any{"kid": issuer.kid}, claims),
		"signed with the public key's DER bytes as a secret": signToken(t, jwt.SigningMethodHS256, der,
			map[string]any{"kid": issuer.kid}, claims),
		"signed with an empty secret": signToken(t, jwt.SigningMethodHS256, []byte{},
			map[string]any{"kid": issuer.kid}, claims),
		"signed with an unknown key": signToken(t, jwt.SigningMethodRS256, otherKey,
			map[string]any{"kid": "unknown"}, claims),
		"signed with another key under the same kid": signToken(t, jwt.SigningMethodRS256, otherKey,
			map[string]any{"kid": issuer.kid}, claims),
		"signed with another key, without a kid": signToken(t, jwt.SigningMethodRS256, otherKey, nil, claims),
		"signed with another algorithm": signToken(t, jwt.SigningMethodPS256, issuer.private,
			map[string]any{"kid": issuer.kid}, claims),
		"signed with another type of key": signToken(t, jwt.SigningMethodES256, curve,
			map[string]any{"kid": issuer.kid}, claims),
		"with a URL of its key": signToken(t, jwt.SigningMethodRS256, attacker.private,
			map[string]any{"kid": attacker.kid + "x", "jku": attacker.URL + "/keys", "x5u": attacker.URL + "/keys"}, claims),
		"that contains its key": signToken(t, jwt.SigningMethodRS256, otherKey,
			map[string]any{"kid": "own", "jwk": jose.JSONWebKey{Key: otherKey.Public(), KeyID: "own"}}, claims),
		"with a kid that is not a string": signToken(t, jwt.SigningMethodRS256, otherKey, map[string]any{"kid": []int{1}},
			claims),
		"without its signature": parts[0] + "." + parts[1] + ".",
		"with the signature of another token": parts[0] + "." + parts[1] + "." +
			strings.Split(issuer.token("2", nil), ".")[2],
		"with the claims of another user": parts[0] + "." + strings.Split(issuer.token("2", nil), ".")[1] + "." +
			parts[2],
	}
}

// TestApplicationKeyRotation: the server starts without the keys, fetches new keys when a token needs them, and keeps
// the old ones. Tokens with made-up key ids cause only a few fetches.
func TestApplicationKeyRotation(t *testing.T) {
	t.Parallel()
	issuer := newTokenIssuer(t)
	issuer.setUnavailable(true)
	// The server starts although the keys are unavailable.
	c := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t), issuer.flags()...).URL)
	a := c.WithToken(issuer.token("1", nil)).Call("GET", "/v1/users/me", nil)
	a.ExpectProblem(503, models.CodeUnavailable)
	if a.Header("Retry-After") == "" {
		t.Errorf("%v\nhas no Retry-After", a)
	}
	issuer.setUnavailable(false)
	issuer.clientFor(c, "1", nil)
	old := issuer.token("1", nil)
	issuer.rotate("key-2")
	issuer.clientFor(c, "1", nil)
	c.WithToken(old).Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	fetched := issuer.keyRequestCount()
	if fetched != 3 {
		t.Errorf("the keys were fetched %d times, want 3", fetched)
	}
	claims := tokenClaims("1", nil)
	for range 50 {
		forged := signToken(t, jwt.SigningMethodRS256, issuer.private, map[string]any{"kid": rand.Text()}, claims)
		c.WithToken(forged).Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
	}
	if n := issuer.keyRequestCount() - fetched; n > 5 {
		t.Errorf("50 made-up key ids caused %d fetches, want at most 5", n)
	}
	issuer.setUnavailable(true)
	issuer.clientFor(c, "1", nil) // with the cached keys
}

// TestKeyRedirectsAreNotFollowed: keys are fetched from the configured URL only; a redirect is not followed.
func TestKeyRedirectsAreNotFollowed(t *testing.T) {
	t.Parallel()
	issuer := newTokenIssuer(t)
	redirector := httptest.NewServer(http.RedirectHandler(issuer.URL+"/keys", http.StatusFound))
	t.Cleanup(redirector.Close)
	c := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t),
		append(issuer.flags(), "--jwt-jwks", redirector.URL)...).URL)
	c.WithToken(issuer.token("1", nil)).Call("GET", "/v1/users/me", nil).ExpectProblem(503, models.CodeUnavailable)
	if issuer.keyRequestCount() > 0 {
		t.Error("the keys were fetched through a redirect")
	}
}

// TestInvalidJWTSettingsAreRefused: the server does not start with incomplete or insecure JWT settings.
func TestInvalidJWTSettingsAreRefused(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("a secret", 4)
	for fault, flags := range map[string][]string{
		"--jwt-audience are needed": {"--jwt-issuer", "a", "--jwt-secret", secret},
		"--jwt-issuer and":          {"--jwt-audience", "a", "--jwt-secret", secret},
		"one of --jwt-secret":       {"--jwt-issuer", "a", "--jwt-audience", "b"},
		"one of --jwt-secret and": {"--jwt-issuer", "a", "--jwt-audience", "b", "--jwt-secret", secret, "--jwt-jwks",
			"https://a.example"},
		"32 bytes":               {"--jwt-issuer", "a", "--jwt-audience", "b", "--jwt-secret", secret[1:]},
		"Parley's own":           {"--jwt-issuer", "parley", "--jwt-audience", "b", "--jwt-secret", secret},
		"is not an https:// URL": {"--jwt-issuer", "a", "--jwt-audience", "b", "--jwt-jwks", "keys.json"},
		"--jwt-algorithm must be one of R": {"--jwt-issuer", "a", "--jwt-audience", "b", "--jwt-jwks", "https://a.example",
			"--jwt-algorithm", "HS256"},
		"--jwt-algorithm must be one of H": {"--jwt-issuer", "a", "--jwt-audience", "b", "--jwt-secret", secret,
			"--jwt-algorithm", "none"},
	} {
		if err := harness.TryStartServer(t, harness.NewSQLite(t), flags...); err == nil ||
			!strings.Contains(err.Error(), fault) {
			t.Errorf("%q: %v", flags, err)
		}
	}
}
