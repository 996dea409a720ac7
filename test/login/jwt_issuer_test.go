package login

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/test/harness"
)

// tokenIssuer is an application that has its own users and issues tokens for them. It serves its public keys over HTTP.
type tokenIssuer struct {
	*httptest.Server
	t testing.TB

	mu          sync.Mutex
	kid         string // of the current signing key
	private     *rsa.PrivateKey
	publicKeys  []jose.JSONWebKey
	keyRequests int  // number of requests for the keys
	unavailable bool // the keys cannot be fetched
}

const (
	issuerName     = "https://shop.example"
	issuerAudience = "chat"
)

func newTokenIssuer(t testing.TB) *tokenIssuer {
	t.Helper()
	issuer := &tokenIssuer{t: t}
	issuer.rotate("key-1")
	issuer.Server = httptest.NewServer(http.HandlerFunc(issuer.serveKeys))
	t.Cleanup(issuer.Close)
	return issuer
}

// flags returns the settings with which a server accepts the issuer's tokens.
func (issuer *tokenIssuer) flags() []string {
	return []string{"--jwt-issuer", issuerName, "--jwt-audience", issuerAudience, "--jwt-jwks", issuer.URL + "/keys"}
}

// rotate adds a new key to the others. The issuer signs with it from then on.
func (issuer *tokenIssuer) rotate(kid string) {
	issuer.t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		issuer.t.Fatal(err)
	}
	issuer.mu.Lock()
	defer issuer.mu.Unlock()
	issuer.kid, issuer.private = kid, private
	issuer.publicKeys = append(issuer.publicKeys,
		jose.JSONWebKey{Key: private.Public(), KeyID: kid, Use: "sig", Algorithm: "RS256"})
}

func (issuer *tokenIssuer) serveKeys(w http.ResponseWriter, r *http.Request) {
	issuer.mu.Lock()
	defer issuer.mu.Unlock()
	issuer.keyRequests++
	if issuer.unavailable || r.URL.Path != "/keys" {
		http.Error(w, "unavailable", http.StatusBadGateway)
		return
	}
	// One key has an unknown type; the server must ignore it.
	set := map[string]any{"keys": []any{map[string]any{"kty": "future", "kid": "future"}}}
	for _, k := range issuer.publicKeys {
		set["keys"] = append(set["keys"].([]any), k)
	}
	_ = json.NewEncoder(w).Encode(set)
}

func (issuer *tokenIssuer) setUnavailable(unavailable bool) {
	issuer.mu.Lock()
	defer issuer.mu.Unlock()
	issuer.unavailable = unavailable
}

func (issuer *tokenIssuer) keyRequestCount() int {
	issuer.mu.Lock()
	defer issuer.mu.Unlock()
	return issuer.keyRequests
}

// tokenClaims returns the claims of a valid token, with those in more added or replaced. Claims that are nil are
// removed.
func tokenClaims(subject string, more jwt.MapClaims) jwt.MapClaims {
	claims := jwt.MapClaims{
		"iss": issuerName, "aud": issuerAudience, "sub": subject, "jti": rand.Text(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(claims, more)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// token returns a token for the subject that is signed with the current key.
func (issuer *tokenIssuer) token(subject string, more jwt.MapClaims) string {
	issuer.t.Helper()
	issuer.mu.Lock()
	defer issuer.mu.Unlock()
	return signToken(issuer.t, jwt.SigningMethodRS256, issuer.private, map[string]any{"kid": issuer.kid},
		tokenClaims(subject, more))
}

// signToken returns a token with these claims, valid or not.
func signToken(t testing.TB, method jwt.SigningMethod, key crypto.PrivateKey, header map[string]any,
	claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// clientFor returns a client that uses a new token for the subject.
func (issuer *tokenIssuer) clientFor(c *harness.Client, subject string, more jwt.MapClaims) *harness.Client {
	issuer.t.Helper()
	other := c.WithToken(issuer.token(subject, more))
	other.Call("GET", "/v1/users/me", nil).ExpectStatus(200).Decode(&other.User)
	return other
}
