package server

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// minTokenSecret is the minimum length of a token secret in characters.
const minTokenSecret = 32

// checkSecrets returns an error for secrets that are easy to guess.
func (c Config) checkSecrets() error {
	return errors.Join(c.checkTokenSecret(), c.checkJWTSecret())
}

func (c Config) checkTokenSecret() error {
	switch n := utf8.RuneCountInString(c.TokenSecret); {
	case c.TokenSecret == "":
		return nil
	case n < minTokenSecret:
		return fmt.Errorf("--token-secret has %d characters, and must have at least %d: try openssl rand -hex 32",
			n, minTokenSecret)
	}
	return checkVaried("--token-secret", c.TokenSecret)
}

// checkJWTSecret does not check the length: package issuer does.
func (c Config) checkJWTSecret() error {
	if c.JWTSecret == "" {
		return nil
	}
	return checkVaried("--jwt-secret", c.JWTSecret)
}

// checkVaried returns an error for a secret that repeats one character: such a secret is a placeholder.
func checkVaried(flag, secret string) error {
	first, _ := utf8.DecodeRuneInString(secret)
	if strings.Trim(secret, string(first)) == "" {
		return fmt.Errorf("%s repeats one character: try openssl rand -hex 32", flag)
	}
	return nil
}
