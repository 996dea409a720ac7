package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"unicode/utf8"
)

// minTokenSecret is the minimum length of a token secret in characters.
const minTokenSecret = 32

// checkTokenSecret returns an error for a secret that is easy to guess.
func (c Config) checkTokenSecret() error {
	switch n := utf8.RuneCountInString(c.TokenSecret); {
	case c.TokenSecret == "":
		return nil
	case n < minTokenSecret:
		return fmt.Errorf("--token-secret has %d characters, and must have at least %d: try openssl rand -hex 32",
			n, minTokenSecret)
	case repeatsOneCharacter(c.TokenSecret):
		return errors.New("--token-secret repeats one character: try openssl rand -hex 32")
	}
	return nil
}

// checkJWTSecret returns an error for a placeholder, except on a server that only a test or a measurement on this
// machine can use: there it is logged. Package issuer checks the length.
func (c Config) checkJWTSecret(log *slog.Logger) error {
	if c.JWTSecret == "" || !repeatsOneCharacter(c.JWTSecret) {
		return nil
	}
	const why = "--jwt-secret repeats one character: try openssl rand -hex 32"
	if !c.isUnderTest() {
		return errors.New(why)
	}
	log.Warn(why)
	return nil
}

// isUnderTest reports whether the server is set up as no real one is: without rate limits, at an address that only this
// machine reaches, and for no other address, proxy or web site.
func (c Config) isUnderTest() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil || c.RateLimited || c.PublicURL != "" || len(c.TrustedProxies)+len(c.CORSOrigins) > 0 {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// repeatsOneCharacter reports whether a secret is a placeholder.
func repeatsOneCharacter(secret string) bool {
	first, _ := utf8.DecodeRuneInString(secret)
	return strings.Trim(secret, string(first)) == ""
}
