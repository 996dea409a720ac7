package token_test

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/models"
)

var anna = models.Caller{UserID: 12, SessionID: "s-1"}

func keys(t *testing.T, secret string) *token.Keys {
	t.Helper()
	k, err := token.New(secret)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func issue(t *testing.T, k *token.Keys, a token.Audience, at time.Time) string {
	t.Helper()
	signed, err := k.Issue(anna, a, at)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

func wantCode(t *testing.T, err error, code models.Code) {
	t.Helper()
	if !errors.Is(err, &models.Error{Code: code}) {
		t.Errorf("got %v, want %s", err, code)
	}
}

func TestTokenNamesItsCaller(t *testing.T) {
	signed := issue(t, keys(t, "one secret"), token.API, time.Now())
	got, err := keys(t, "one secret").Verify(signed, token.API)
	if err != nil || got != anna {
		t.Errorf("another node reads %+v, %v; want %+v", got, err, anna)
	}
}

func TestTokenOpensItsAudienceAlone(t *testing.T) {
	k := keys(t, "one secret")
	_, err := k.Verify(issue(t, k, token.Events, time.Now()), token.API)
	wantCode(t, err, models.CodeUnauthenticated)
	_, err = k.Verify(issue(t, k, token.API, time.Now()), token.Events)
	wantCode(t, err, models.CodeUnauthenticated)
	_, err = k.Verify(issue(t, k, token.API, time.Now().Add(-time.Hour)), token.Events)
	wantCode(t, err, models.CodeUnauthenticated)
}

func TestTokenRunsOut(t *testing.T) {
	k := keys(t, "one secret")
	for _, c := range []struct {
		audience token.Audience
		life     time.Duration
	}{{token.API, models.AccessTokenLife}, {token.Events, models.RefreshTokenLife}} {
		if _, err := k.Verify(issue(t, k, c.audience, time.Now().Add(time.Minute-c.life)), c.audience); err != nil {
			t.Errorf("%s token a minute before its end: %v", c.audience, err)
		}
		_, err := k.Verify(issue(t, k, c.audience, time.Now().Add(-c.life-time.Second)), c.audience)
		wantCode(t, err, models.CodeTokenExpired)
	}
}

func TestForgedTokensAreRefused(t *testing.T) {
	k := keys(t, "one secret")
	good := issue(t, k, token.API, time.Now())
	parts := strings.Split(good, ".")
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	payload, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	other := strings.Replace(string(payload), `"sub":"12"`, `"sub":"13"`, 1)
	if other == string(payload) {
		t.Fatal("the payload has no subject to change")
	}
	for name, forged := range map[string]string{
		"empty":                   "",
		"garbage":                 "garbage",
		"three empty parts":       "..",
		"another subject":         parts[0] + "." + encode(other) + "." + parts[2],
		"no signature":            parts[0] + "." + parts[1] + ".",
		"cut signature":           good[:len(good)-4],
		"another secret":          issue(t, keys(t, "another secret"), token.API, time.Now()),
		"alg none":                encode(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + ".",
		"alg none, signed":        encode(`{"alg":"none","typ":"JWT"}`) + "." + parts[1] + "." + parts[2],
		"alg none, unsecured key": unsecured(t, parts[0], payload),
	} {
		t.Run(name, func(t *testing.T) {
			caller, err := k.Verify(forged, token.API)
			wantCode(t, err, models.CodeUnauthenticated)
			if caller != (models.Caller{}) {
				t.Errorf("a forged token names %+v", caller)
			}
		})
	}
}

// unsecured is the token that a library makes for alg none when its caller insists, under the kid of a
// good one.
func unsecured(t *testing.T, header string, payload []byte) string {
	t.Helper()
	decoded, err := base64.RawURLEncoding.DecodeString(header)
	if err != nil {
		t.Fatal(err)
	}
	none := strings.Replace(string(decoded), `"HS256"`, `"none"`, 1)
	unsigned := base64.RawURLEncoding.EncodeToString([]byte(none)) + "." + base64.RawURLEncoding.EncodeToString(payload)
	signature, err := jwt.SigningMethodNone.Sign(unsigned, jwt.UnsafeAllowNoneSignatureType)
	if err != nil {
		t.Fatal(err)
	}
	return unsigned + "." + base64.RawURLEncoding.EncodeToString(signature)
}

func TestEmptySecretIsRefused(t *testing.T) {
	if _, err := token.New(""); err == nil {
		t.Error("an empty secret was taken")
	}
}

func TestRefreshTokensDifferAndHashAlike(t *testing.T) {
	one, hash := token.NewRefresh()
	other, otherHash := token.NewRefresh()
	if one == other || hash == otherHash {
		t.Error("two refresh tokens are the same")
	}
	if got := token.Hash(one); got != hash {
		t.Errorf("HashRefresh = %s, NewRefresh said %s", got, hash)
	}
	if strings.Contains(hash, one) || len(hash) != 64 || !strings.HasPrefix(one, "prt_") {
		t.Errorf("refresh token %q has the hash %q", one, hash)
	}
}

func TestProofIsOfItsPartsAlone(t *testing.T) {
	k := keys(t, "secret")
	proof := k.Proof("login code", "key", "code")
	if again := keys(t, "secret").Proof("login code", "key", "code"); !bytes.Equal(proof, again) {
		t.Error("the same parts make two proofs")
	}
	for _, other := range [][]byte{
		k.Proof("login code", "key", "Code"), k.Proof("login code", "keycode"), k.Proof("login code", "ke", "ycode"),
		k.Proof("login code", "key", "code", ""), keys(t, "Secret").Proof("login code", "key", "code"),
	} {
		if bytes.Equal(proof, other) {
			t.Error("other parts, or another secret, make the same proof")
		}
	}
}

func TestSealOpensForItsProofAlone(t *testing.T) {
	k := keys(t, "one secret")
	sealed, err := k.Seal([]byte("response"), []byte("proof"))
	if err != nil {
		t.Fatal(err)
	}
	opened, err := keys(t, "one secret").Unseal(sealed, []byte("proof"))
	if err != nil || string(opened) != "response" {
		t.Errorf("Unseal = %q, %v", opened, err)
	}
	first := "A"
	if sealed[0] == 'A' {
		first = "B"
	}
	for name, try := range map[string]func() ([]byte, error){
		"another proof":  func() ([]byte, error) { return k.Unseal(sealed, []byte("guess")) },
		"another secret": func() ([]byte, error) { return keys(t, "another secret").Unseal(sealed, []byte("proof")) },
		"changed":        func() ([]byte, error) { return k.Unseal(first+sealed[1:], []byte("proof")) },
		"cut":            func() ([]byte, error) { return k.Unseal(sealed[:8], []byte("proof")) },
		"not base64":     func() ([]byte, error) { return k.Unseal("not base64!", []byte("proof")) },
	} {
		if opened, err := try(); err == nil {
			t.Errorf("%s: opened as %q", name, opened)
		}
	}
}
