// Package issuer verifies the tokens of a product that has a log-in of its own, and issues JWTs for its users.
//
// The configuration fixes everything about such a token: its issuer, its audience, its algorithm, its keys. Nothing in
// the token can change that, least of all where keys are fetched from.
package issuer

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/models"
)

// ProviderName is the provider of the identities of the product's users.
const ProviderName = "jwt"

// Config says which tokens are accepted.
type Config struct {
	Issuer    string
	Audience  string
	Secret    string // of the signatures; or
	JWKS      string // the URL of the public keys
	Algorithm string // the only one; "" for HS256 with a secret, and RS256 with keys
}

// leeway is how much the clocks of the issuer and of this server may differ.
const leeway = 30 * time.Second

// minSecret is the length of an HS256 signature (RFC 7518, section 3.2), in bytes.
const minSecret = 32

var (
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
	keyAlgorithms    = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

// Issuer verifies tokens.
type Issuer struct {
	config   Config
	keys     keys
	parser   *jwt.Parser
	verified verifiedCache
}

// keys finds the key of a token by its kid, and when it was fetched.
type keys interface {
	key(ctx context.Context, kid string) (key any, fetched time.Time, err error)
}

type secret []byte

func (s secret) key(context.Context, string) (any, time.Time, error) {
	return []byte(s), time.Time{}, nil
}

// New returns the configured issuer; nil if c is empty.
func New(c Config) (*Issuer, error) {
	if c == (Config{}) {
		return nil, nil
	}
	if c.Algorithm == "" {
		c.Algorithm = keyAlgorithms[0]
		if c.Secret != "" {
			c.Algorithm = secretAlgorithms[0]
		}
	}
	if err := c.check(); err != nil {
		return nil, err
	}
	verified, err := newVerifiedCache()
	if err != nil {
		return nil, err
	}
	i := &Issuer{config: c, keys: secret(c.Secret), verified: verified, parser: jwt.NewParser(
		jwt.WithValidMethods([]string{c.Algorithm}), jwt.WithIssuer(c.Issuer), jwt.WithAudience(c.Audience),
		jwt.WithExpirationRequired(), jwt.WithLeeway(leeway))}
	if c.JWKS != "" {
		i.keys = newKeySet(c.JWKS, c.Algorithm)
	}
	return i, nil
}

func (c Config) check() error {
	algorithms := keyAlgorithms
	if c.Secret != "" {
		algorithms = secretAlgorithms
	}
	where, err := url.Parse(c.JWKS)
	switch {
	case c.Issuer == "" || c.Audience == "":
		return errors.New("--jwt-issuer and --jwt-audience are needed together")
	case c.Issuer == "parley":
		return errors.New("--jwt-issuer: parley is what Parley's own tokens say")
	case len(c.Issuer) > models.MaxIdentityLength:
		return fmt.Errorf("--jwt-issuer may be at most %d bytes", models.MaxIdentityLength)
	case (c.Secret == "") == (c.JWKS == ""):
		return errors.New("one of --jwt-secret and --jwt-jwks is needed")
	case c.Secret != "" && len(c.Secret) < minSecret:
		return fmt.Errorf("--jwt-secret must be at least %d bytes", minSecret)
	case c.JWKS != "" && (err != nil || where.Host == "" || where.Scheme != "https" && where.Scheme != "http"):
		return fmt.Errorf("--jwt-jwks: %q is not an https:// URL", c.JWKS)
	case !slices.Contains(algorithms, c.Algorithm):
		return fmt.Errorf("--jwt-algorithm must be one of %s", strings.Join(algorithms, ", "))
	}
	return nil
}

// Token is a verified token.
type Token struct {
	Person    models.Person
	ExpiresAt models.Time
	// Signed is the signed part. It identifies the token, whose signature may be encoded in several ways.
	Signed string
}

type claims struct {
	jwt.RegisteredClaims
	PreferredUsername string `json:"preferred_username"`
	Name              string `json:"name"`
}

// Issued reports whether a token claims to be of the issuer, without verifying it.
func (i *Issuer) Issued(signed string) bool {
	if i == nil {
		return false
	}
	if i.verified.has(signed) {
		return true
	}
	var c jwt.RegisteredClaims
	_, _, err := jwt.NewParser().ParseUnverified(signed, &c)
	return err == nil && c.Issuer == i.config.Issuer
}

// Verify verifies a token. The error is token_expired for a valid token that has expired, unavailable if the keys
// cannot be fetched, and unauthenticated otherwise.
func (i *Issuer) Verify(ctx context.Context, signed string) (Token, error) {
	keyOf := i.keys.key
	if before, known := i.verified.get(signed); known {
		key, fetched, err := keyOf(ctx, before.kid)
		if err == nil && fetched.Equal(before.fetched) {
			return before.token, nil
		}
		keyOf = func(context.Context, string) (any, time.Time, error) { return key, fetched, err } // it was just fetched
	}
	var c claims
	var v verifiedToken
	_, err := i.parser.ParseWithClaims(signed, &c, func(t *jwt.Token) (key any, err error) {
		v.kid, _ = t.Header["kid"].(string)
		key, v.fetched, err = keyOf(ctx, v.kid)
		return key, err
	})
	var known *models.Error
	switch {
	case errors.As(err, &known):
		return Token{}, known
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenInvalidAudience):
		return Token{}, &models.Error{
			Code:    models.CodeTokenExpired,
			Message: "The token has expired; get another one.",
			Err:     err,
		}
	}
	v.token = Token{Person: models.Person{
		Provider:    ProviderName,
		Issuer:      c.Issuer,
		Subject:     c.Subject,
		Names:       []string{c.PreferredUsername, c.Name},
		DisplayName: c.Name,
	}}
	if err == nil && !v.token.Person.Identified() {
		err = errors.New("the token has no subject")
	}
	if err != nil {
		return Token{}, &models.Error{Code: models.CodeUnauthenticated, Message: "The token is not valid.", Err: err}
	}
	v.token.ExpiresAt = models.At(c.ExpiresAt.Add(leeway))
	i.verified.put(signed, v)
	v.token.Signed = signedPart(signed)
	return v.token, nil
}
