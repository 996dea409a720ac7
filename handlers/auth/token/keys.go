package token

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/models"
)

const issuer = "parley"

// Audience is what an access token is for. A token for the event stream is in a browser's cookie, which the browser
// sends whichever page makes the request; so it must be of no other use.
type Audience string

// The audiences.
const (
	API    Audience = "api"
	Events Audience = "events"
)

// life is how long a token is valid. A token for the stream also ends with its session, which every request checks.
func (a Audience) life() time.Duration {
	if a == Events {
		return models.RefreshTokenLife
	}
	return models.AccessTokenLife
}

// Keys signs and verifies access tokens, seals responses and names sessions.
type Keys struct {
	id      string // kid: identifies the secret of a signature, and reveals nothing of it
	signing []byte
	sealing []byte
	naming  []byte
	proving []byte

	verified verifiedCache
}

// New derives the keys from secret.
func New(secret string) (*Keys, error) {
	if secret == "" {
		return nil, errors.New("the token secret is empty")
	}
	k := &Keys{}
	var id []byte
	for _, key := range []struct {
		purpose string
		length  int
		into    *[]byte
	}{
		{"parley access token signing", sha256.Size, &k.signing},
		{"parley answer sealing", sha256.Size, &k.sealing}, // an old name: another label would give another key
		{"parley session naming", sha256.Size, &k.naming},
		{"parley proofs of callers", sha256.Size, &k.proving},
		{"parley key id", 6, &id},
	} {
		derived, err := hkdf.Key(sha256.New, []byte(secret), nil, key.purpose, key.length)
		if err != nil {
			return nil, fmt.Errorf("derive the key for %s: %w", key.purpose, err)
		}
		*key.into = derived
	}
	k.id = hex.EncodeToString(id)
	var err error
	k.verified, err = newVerifiedCache()
	return k, err
}

type claims struct {
	jwt.RegisteredClaims
	SessionID string `json:"sid"`
}

// SessionOf returns the id of the session of a product's own token: always the same, and impossible to guess.
func (k *Keys) SessionOf(signed string) string {
	mac := hmac.New(sha256.New, k.naming)
	mac.Write([]byte(signed))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// Issue makes a token for caller that is valid from at.
func (k *Keys) Issue(caller models.Caller, audience Audience, at time.Time) (string, error) {
	t := jwt.NewWithClaims(jwt.SigningMethodHS256, claims{
		RegisteredClaims: jwt.RegisteredClaims{
			Issuer: issuer, Subject: strconv.FormatInt(caller.UserID, 10), Audience: jwt.ClaimStrings{string(audience)},
			IssuedAt: jwt.NewNumericDate(at), ExpiresAt: jwt.NewNumericDate(at.Add(audience.life())),
		},
		SessionID: caller.SessionID,
	})
	t.Header["kid"] = k.id
	return t.SignedString(k.signing)
}

// Known returns the caller of a token that was verified for audience before, and is still valid.
func (k *Keys) Known(signed string, audience Audience) (caller models.Caller, known bool) {
	return k.verified.get(presented{signed, audience}, time.Now())
}

// Verify verifies a token for audience. The error is token_expired for a valid token that has expired, and
// unauthenticated otherwise. The store knows whether the session has ended; the token does not.
func (k *Keys) Verify(signed string, audience Audience) (models.Caller, error) {
	if caller, known := k.Known(signed, audience); known {
		return caller, nil
	}
	var c claims
	_, err := jwt.ParseWithClaims(signed, &c, k.keyOf, jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithIssuer(issuer), jwt.WithAudience(string(audience)), jwt.WithExpirationRequired())
	if errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenInvalidAudience) {
		return models.Caller{}, &models.Error{
			Code: models.CodeTokenExpired, Message: "The access token has expired; refresh it.", Err: err,
		}
	}
	id, ok := models.ParseID(c.Subject)
	if err != nil || !ok || c.SessionID == "" {
		return models.Caller{}, &models.Error{
			Code: models.CodeUnauthenticated, Message: "The access token is not valid.", Err: err,
		}
	}
	caller := models.Caller{UserID: id, SessionID: c.SessionID}
	k.verified.put(presented{signed, audience}, verifiedToken{caller: caller, expires: c.ExpiresAt.Time})
	return caller, nil
}

func (k *Keys) keyOf(t *jwt.Token) (any, error) {
	if t.Header["kid"] != k.id {
		return nil, errors.New("signed under another secret")
	}
	return k.signing, nil
}
