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

// product is a product that has users of its own, and vouches for them with tokens. It shows its public keys.
type product struct {
	*httptest.Server
	t testing.TB

	mu      sync.Mutex
	kid     string // of the key that it signs with
	private *rsa.PrivateKey
	shown   []jose.JSONWebKey
	asked   int  // how often for the keys
	away    bool // whether it answers
}

const (
	productIssuer   = "https://shop.example"
	productAudience = "chat"
)

func newProduct(t testing.TB) *product {
	t.Helper()
	p := &product{t: t}
	p.rotate("key-1")
	p.Server = httptest.NewServer(http.HandlerFunc(p.show))
	t.Cleanup(p.Close)
	return p
}

// flags have a server take the product's tokens.
func (p *product) flags() []string {
	return []string{"--jwt-issuer", productIssuer, "--jwt-audience", productAudience, "--jwt-jwks", p.URL + "/keys"}
}

// rotate puts a new key beside the others. It is the one that the product signs with from then on.
func (p *product) rotate(kid string) {
	p.t.Helper()
	private, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kid, p.private = kid, private
	p.shown = append(p.shown, jose.JSONWebKey{Key: private.Public(), KeyID: kid, Use: "sig", Algorithm: "RS256"})
}

func (p *product) show(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.asked++
	if p.away || r.URL.Path != "/keys" {
		http.Error(w, "away", http.StatusBadGateway)
		return
	}
	// Among the keys is one of a kind that nobody knows, as there may be.
	set := map[string]any{"keys": []any{map[string]any{"kty": "future", "kid": "future"}}}
	for _, k := range p.shown {
		set["keys"] = append(set["keys"].([]any), k)
	}
	_ = json.NewEncoder(w).Encode(set)
}

func (p *product) goesAway(away bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.away = away
}

func (p *product) timesAsked() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// claimsOf are those of a good token, and more or others. One that is nil is left out.
func claimsOf(subject string, more jwt.MapClaims) jwt.MapClaims {
	claims := jwt.MapClaims{
		"iss": productIssuer, "aud": productAudience, "sub": subject, "jti": rand.Text(), "exp": time.Now().Add(time.Hour).Unix(),
	}
	maps.Copy(claims, more)
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	return claims
}

// token is a token for that user, as the product signs it.
func (p *product) token(subject string, more jwt.MapClaims) string {
	p.t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	return signedBy(p.t, jwt.SigningMethodRS256, p.private, map[string]any{"kid": p.kid}, claimsOf(subject, more))
}

// signedBy is a token with these claims, whatever they are.
func signedBy(t testing.TB, method jwt.SigningMethod, key crypto.PrivateKey, header map[string]any, claims jwt.MapClaims) string {
	t.Helper()
	token := jwt.NewWithClaims(method, claims)
	maps.Copy(token.Header, header)
	signed, err := token.SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// sends is a client of its own for a user of the product's, who has a new token.
func (p *product) sends(c *harness.Client, subject string, more jwt.MapClaims) *harness.Client {
	p.t.Helper()
	other := c.WithToken(p.token(subject, more))
	other.Call("GET", "/v1/users/me", nil).ExpectStatus(200).Decode(&other.User)
	return other
}
