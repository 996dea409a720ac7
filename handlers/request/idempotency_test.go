package request

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

func call(t *testing.T, path string, userID int64, key, body string) *models.IdempotentCall {
	t.Helper()
	r := With(
		httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, http.NoBody),
		&Context{Caller: models.Caller{UserID: userID}},
	)
	o, err := NewIdempotentCall(r, &key, []byte(body), nil)
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// TestIdempotentCall compares what identifies requests with an Idempotency-Key. Neither the key nor the body can be
// read from it.
func TestIdempotentCall(t *testing.T) {
	first := call(t, "/v1/rooms", 7, "key", "body")
	same := func(a, b *models.IdempotentCall) bool {
		return a.CallerID == b.CallerID && a.Path == b.Path && a.Key == b.Key
	}
	if again := call(t, "/v1/rooms", 7, "key", "body"); !same(first, again) || first.Fingerprint != again.Fingerprint {
		t.Error("the same request is another one")
	}
	if other := call(t, "/v1/rooms", 7, "key", "other"); !same(first, other) || first.Fingerprint == other.Fingerprint {
		t.Error("another body is not found, or has the same fingerprint")
	}
	for name, other := range map[string]*models.IdempotentCall{
		"caller": call(t, "/v1/rooms", 8, "key", "body"), "path": call(t, "/v1/invites/x", 7, "key", "body"),
		"key": call(t, "/v1/rooms", 7, "other", "body"),
	} {
		if same(first, other) {
			t.Errorf("another %s is the same request", name)
		}
	}
	if other := call(t, "/v1/rooms", 7, "other", "body"); other.Fingerprint == first.Fingerprint {
		t.Error("the fingerprint of a body is the same under another key: it is a plain hash")
	}
	if strings.Contains(first.Key+first.Fingerprint, "key") || strings.Contains(first.Key+first.Fingerprint, "body") {
		t.Errorf("it can be read: %+v", first)
	}
}

// TestSecretCall identifies callers without a token by their proof, and others by their token.
func TestSecretCall(t *testing.T) {
	secretCall := func(userID int64, proof string) *models.IdempotentCall {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/v1/users", http.NoBody)
		return NewSecretCall(
			With(r, &Context{Caller: models.Caller{UserID: userID}}), "key", []byte(proof), []byte("body"), nil,
		)
	}
	if secretCall(0, "a").Key == secretCall(0, "b").Key {
		t.Error("another secret finds the key")
	}
	if a, b := secretCall(7, "a"), secretCall(7, "b"); a.Key != b.Key || a.Fingerprint == b.Fingerprint {
		t.Error("a caller with a token and another secret is another caller, or makes the same request")
	}
}

// TestNoIdempotencyKey reads requests without a key, and with bad ones.
func TestNoIdempotencyKey(t *testing.T) {
	r := With(httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody), &Context{})
	if o, err := NewIdempotentCall(r, nil, nil, nil); o != nil || err != nil {
		t.Error(o, err)
	}
	for _, key := range []string{"", "a b", "é", "\x7f", strings.Repeat("x", models.MaxIdempotencyKey+1)} {
		if o, err := NewIdempotentCall(r, &key, nil, nil); err == nil {
			t.Errorf("%q is a key: %+v", key, o)
		}
	}
}

// TestTexts has the texts that clients choose.
func TestTexts(t *testing.T) {
	for text, want := range map[string]bool{"a": true, "é\n": true, "": true, "a\x00": false, "\xff": false} {
		if Storable(text) != want {
			t.Errorf("%q can be stored: %v", text, !want)
		}
	}
	for text, want := range map[string]string{"": "", "abc": "abc", "abcd": "abc", "éèêë": "éèê"} {
		if got := Truncate(text, 3); got != want {
			t.Errorf("the first three characters of %q are %q", text, got)
		}
	}
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
	r.Header.Set("X-Request-Id", "the-client's")
	if id := NewID(r); id != "the-client's" {
		t.Errorf("the client's own id becomes %q", id)
	}
	for _, bad := range []string{"", "a b", "a\x01", strings.Repeat("x", maxRequestID+1)} {
		r.Header.Set("X-Request-Id", bad)
		if id := NewID(r); id == bad || id == "" {
			t.Errorf("the id %q becomes %q", bad, id)
		}
	}
}
