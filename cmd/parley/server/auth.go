package server

import (
	"fmt"

	"github.com/parley-chat/parley/handlers"
	"github.com/parley-chat/parley/handlers/auth/issuer"
	"github.com/parley-chat/parley/handlers/auth/oidc"
)

// logins are what people log in by, beside passwords.
type logins struct {
	providers []handlers.NamedProvider
	issuer    *issuer.Issuer // nil for none
}

// logins checks the settings that are secrets, and those of log-ins. Nobody is asked for anything yet.
func (c Config) logins() (by logins, err error) {
	if err := c.checkSecrets(); err != nil {
		return by, err
	}
	if by.providers, err = c.providers(); err != nil {
		return by, err
	}
	by.issuer, err = c.issuer()
	return by, err
}

// providers are those that people log in through. None of them is asked for anything yet.
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

// product is the issuer whose tokens are the only way into its users' accounts, "" for none.
func (c Config) product() string {
	if c.JWTLink {
		return ""
	}
	return c.JWTIssuer
}

// issuer is who vouches for their own users, nil for nobody.
func (c Config) issuer() (*issuer.Issuer, error) {
	return issuer.New(issuer.Config{
		Issuer: c.JWTIssuer, Audience: c.JWTAudience, Secret: c.JWTSecret, JWKS: c.JWTKeys, Algorithm: c.JWTAlgorithm,
	})
}
