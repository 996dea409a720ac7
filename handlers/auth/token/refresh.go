package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// refreshPrefix makes refresh tokens recognizable for people and for scanners of leaked secrets.
const refreshPrefix = "prt_"

// NewRefresh makes a refresh token of 256 random bits, and the hash under which it is stored.
func NewRefresh() (refresh, hash string) {
	var bits [32]byte
	rand.Read(bits[:])
	refresh = refreshPrefix + base64.RawURLEncoding.EncodeToString(bits[:])
	return refresh, Hash(refresh)
}

// Hash returns the hash under which a refresh token or another random secret is stored. A fast hash is enough: unlike
// passwords random secrets cannot be guessed.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
