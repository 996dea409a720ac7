package server

import (
	"fmt"

	"github.com/parley-chat/parley/handlers"
	"github.com/parley-chat/parley/handlers/auth/issuer"
	"github.com/parley-chat/parley/handlers/auth/oidc"
)

// logins are the ways to log in other than with a password.
type logins struct {
	providers []handlers.NamedProvider
	issuer    *issuer.Issuer // nil for none
}

// logins checks the token secret and the settings of log-ins. It makes no network request.
func (c Config) logins() (by logins, err error) {
	if err := c.checkTokenSecret(); err != nil {
		return by, err
	}
	if by.providers, err = c.providers(); err != nil {
		return by, err
	}
	by.issuer, err = c.issuer()
	return by, err
}

// providers returns the providers to log in through. It makes no network request.
func (c Config) providers() ([]handlers.NamedProvider, error) {
	configs, err := oidc.ParseConfigs(c.OIDC)
	if err != nil {
		return nil, fmt.Errorf("--oidc: %w", err)
	}
	var list []handlers.NamedProvider
	for _, config := range configs {
		list = append(list, handlers.NamedProvider{Name: config.Name, Provider: oidc.New(config)})
	}
	return list, nil
}

// product returns the issuer whose users can log in with its tokens only, "" for none.
func (c Config) product() string {
	if c.JWTLink {
		return ""
	}
	return c.JWTIssuer
}

// issuer returns the issuer of JWTs that users log in with, nil for none.
func (c Config) issuer() (*issuer.Issuer, error) {
	return issuer.New(issuer.Config{
		Issuer: c.JWTIssuer, Audience: c.JWTAudience, Secret: c.JWTSecret, JWKS: c.JWTKeys, Algorithm: c.JWTAlgorithm,
	})
}
