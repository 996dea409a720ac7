// Package issuer reads the tokens of a product that has a log-in of its own and vouches for its users with JWTs.
//
// All about such a token is fixed beforehand: who signs it, for whom, by which algorithm and under which keys. Nothing in
// the token has a say in that, least of all where keys are to be fetched.
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

// ProviderName is what identities of the product's users have for a provider.
const ProviderName = "jwt"

// Config says whose tokens are taken.
type Config struct {
	Issuer    string
	Audience  string
	Secret    string // that tokens are signed with; or
	JWKS      string // where the public keys are
	Algorithm string // the only one; "" for HS256 with a secret, and RS256 with keys
}

// leeway is how far the clocks of the issuer and of this server may be apart.
const leeway = 30 * time.Second

// minSecret is as long as what HS256 makes of it (RFC 7518, section 3.2), in bytes.
const minSecret = 32

var (
	secretAlgorithms = []string{"HS256", "HS384", "HS512"}
	keyAlgorithms    = []string{"RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"}
)

// Issuer verifies tokens.
type Issuer struct {
	config Config
	keys   keys
	parser *jwt.Parser
}

// keys finds the key that a token says it was signed with.
type keys interface {
	key(ctx context.Context, kid string) (any, error)
}

type secret []byte

func (s secret) key(context.Context, string) (any, error) { return []byte(s), nil }

// New is the issuer that the settings are about; nil when there is none.
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
	i := &Issuer{config: c, keys: secret(c.Secret), parser: jwt.NewParser(
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
		return errors.New("--jwt-issuer and --jwt-audience are needed")
	case c.Issuer == "parley":
		return errors.New("--jwt-issuer: parley is what Parley's own tokens say")
	case len(c.Issuer) > models.MaxIdentityLength:
		return fmt.Errorf("--jwt-issuer may be %d bytes at most", models.MaxIdentityLength)
	case (c.Secret == "") == (c.JWKS == ""):
		return errors.New("one of --jwt-secret and --jwt-jwks is needed")
	case c.Secret != "" && len(c.Secret) < minSecret:
		return fmt.Errorf("--jwt-secret must be %d bytes at least", minSecret)
	case c.JWKS != "" && (err != nil || where.Host == "" || where.Scheme != "https" && where.Scheme != "http"):
		return fmt.Errorf("--jwt-jwks: %q is no https:// URL", c.JWKS)
	case !slices.Contains(algorithms, c.Algorithm):
		return fmt.Errorf("--jwt-algorithm must be one of %s", strings.Join(algorithms, ", "))
	}
	return nil
}

// Token is a good one.
type Token struct {
	Person    models.Person
	ExpiresAt models.Time
	// Signed is what the signature is about. Of one token there is one; its signature may be written in several ways.
	Signed string
}

type claims struct {
	jwt.RegisteredClaims
	PreferredUsername string `json:"preferred_username"`
	Name              string `json:"name"`
}

// Issued reports whether a token says that it is of the issuer. It may lie.
func (i *Issuer) Issued(signed string) bool {
	if i == nil {
		return false
	}
	var c jwt.RegisteredClaims
	_, _, err := jwt.NewParser().ParseUnverified(signed, &c)
	return err == nil && c.Issuer == i.config.Issuer
}

// Verify reads a token. The error is token_expired for a good one that has run out, unavailable when the keys cannot be
// had, and unauthenticated for all others.
func (i *Issuer) Verify(ctx context.Context, signed string) (Token, error) {
	var c claims
	_, err := i.parser.ParseWithClaims(signed, &c, func(t *jwt.Token) (any, error) {
		kid, _ := t.Header["kid"].(string)
		return i.keys.key(ctx, kid)
	})
	var known *models.Error
	switch {
	case errors.As(err, &known):
		return Token{}, known
	case errors.Is(err, jwt.ErrTokenExpired) && !errors.Is(err, jwt.ErrTokenInvalidAudience):
		return Token{}, &models.Error{Code: models.CodeTokenExpired, Message: "The token has run out; get another one.", Err: err}
	}
	t := Token{Person: models.Person{
		Provider: ProviderName, Issuer: c.Issuer, Subject: c.Subject, Names: []string{c.PreferredUsername, c.Name}, DisplayName: c.Name,
	}}
	if err == nil && !t.Person.Identified() {
		err = errors.New("the token names nobody")
	}
	if err != nil {
		return Token{}, &models.Error{Code: models.CodeUnauthenticated, Message: "The token is not valid.", Err: err}
	}
	t.ExpiresAt = models.At(c.ExpiresAt.Add(leeway))
	t.Signed = signed[:strings.LastIndexByte(signed, '.')]
	return t, nil
}
