package issuer

import (
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/models"
)

const testSecret = "0123456789abcdef0123456789abcdef"

// sign makes a token of ada that is valid for a minute.
func sign(t *testing.T, method jwt.SigningMethod, key any) string {
	t.Helper()
	signed, err := jwt.NewWithClaims(method, jwt.MapClaims{
		"iss": "https://product.example", "aud": "chat", "sub": "ada", "preferred_username": "ada",
		"exp": time.Now().Add(time.Minute).Unix(),
	}).SignedString(key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func newTestIssuer(t *testing.T, c Config) *Issuer {
	t.Helper()
	c.Issuer, c.Audience = "https://product.example", "chat"
	i, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return i
}

// requireRefused fails the test unless err has the code; "" for no error.
func requireRefused(t *testing.T, step string, err error, code models.Code) {
	t.Helper()
	var known *models.Error
	if code == "" && err != nil || code != "" && (!errors.As(err, &known) || known.Code != code) {
		t.Errorf("%s: %v, want the code %q", step, err, code)
	}
}

// TestTokenExpiresInTheCache verifies a token until it has expired: the same each time, and no longer than the token
// says. Another signature of the same token is not accepted.
func TestTokenExpiresInTheCache(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := newTestIssuer(t, Config{Secret: testSecret})
		signed := sign(t, jwt.SigningMethodHS256, []byte(testSecret))
		first, err := i.Verify(t.Context(), signed)
		requireRefused(t, "a new token", err, "")
		time.Sleep(time.Minute + leeway - time.Second) //nolint:forbidigo // the clock of the bubble
		again, err := i.Verify(t.Context(), signed)
		requireRefused(t, "shortly before its end", err, "")
		if again.Person.Subject != "ada" || again.Signed != first.Signed || again.ExpiresAt != first.ExpiresAt {
			t.Errorf("the token says %+v, and said %+v", again, first)
		}
		if !i.Issued(signed) {
			t.Error("a verified token is not of the issuer")
		}
		_, err = i.Verify(t.Context(), signed[:strings.LastIndexByte(signed, '.')+1]+strings.Repeat("A", 43))
		requireRefused(t, "another signature", err, models.CodeUnauthenticated)
		time.Sleep(2 * time.Second) //nolint:forbidigo // the clock of the bubble
		_, err = i.Verify(t.Context(), signed)
		requireRefused(t, "after its end", err, models.CodeTokenExpired)
	})
}

// TestWithdrawnKey verifies a token whose key the issuer withdraws: it is refused once the keys have been fetched
// again, although it was verified before.
func TestWithdrawnKey(t *testing.T) {
	public, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	var withdrawn atomic.Bool
	var fetches atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fetches.Add(1)
		set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
		if !withdrawn.Load() {
			set.Keys = append(set.Keys, jose.JSONWebKey{Key: public, Algorithm: "EdDSA", Use: "sig"})
		}
		if err := json.NewEncoder(w).Encode(set); err != nil {
			t.Error(err)
		}
	}))
	defer server.Close()
	i := newTestIssuer(t, Config{JWKS: server.URL, Algorithm: "EdDSA"})
	signed := sign(t, jwt.SigningMethodEdDSA, private)
	set := i.keys.(*keySet)
	fetchAgain := func() {
		set.mu.Lock()
		defer set.mu.Unlock()
		set.at = set.at.Add(-2 * keysLife)
	}
	for _, step := range []string{"a new token", "a verified token"} {
		_, err = i.Verify(t.Context(), signed)
		requireRefused(t, step, err, "")
	}
	fetchAgain()
	_, err = i.Verify(t.Context(), signed)
	requireRefused(t, "after the keys were fetched again", err, "")
	withdrawn.Store(true)
	_, err = i.Verify(t.Context(), signed)
	requireRefused(t, "before the server knows that the key is withdrawn", err, "")
	fetchAgain()
	_, err = i.Verify(t.Context(), signed)
	requireRefused(t, "with a withdrawn key", err, models.CodeUnauthenticated)
	if n := fetches.Load(); n != 3 {
		t.Errorf("the keys were fetched %d times, want 3", n)
	}
}
