package server

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// minTokenSecret is how many characters a token secret needs.
const minTokenSecret = 32

// checkSecrets refuses secrets that can be guessed.
func (c Config) checkSecrets() error {
	return errors.Join(c.checkTokenSecret(), c.checkJWTSecret())
}

func (c Config) checkTokenSecret() error {
	switch n := utf8.RuneCountInString(c.TokenSecret); {
	case c.TokenSecret == "":
		return nil
	case n < minTokenSecret:
		return fmt.Errorf("--token-secret has %d characters, and needs %d at least: try openssl rand -hex 32", n, minTokenSecret)
	}
	return checkVaried("--token-secret", c.TokenSecret)
}

// checkJWTSecret leaves the length to package issuer.
func (c Config) checkJWTSecret() error {
	if c.JWTSecret == "" {
		return nil
	}
	return checkVaried("--jwt-secret", c.JWTSecret)
}

// checkVaried refuses a secret that repeats one character, which is a placeholder.
func checkVaried(flag, secret string) error {
	first, _ := utf8.DecodeRuneInString(secret)
	if strings.Trim(secret, string(first)) == "" {
		return fmt.Errorf("%s is one character again and again: try openssl rand -hex 32", flag)
	}
	return nil
}
