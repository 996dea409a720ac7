package token

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
)

// refreshPrefix lets people and scanners for leaked secrets know a refresh token when they see one.
const refreshPrefix = "prt_"

// NewRefresh makes a refresh token, 256 bits of chance, and the hash under which it is stored.
func NewRefresh() (refresh, hash string) {
	var bits [32]byte
	rand.Read(bits[:])
	refresh = refreshPrefix + base64.RawURLEncoding.EncodeToString(bits[:])
	return refresh, Hash(refresh)
}

// Hash is what is stored of a refresh token, and of other secrets that are chance. A fast hash is enough: unlike passwords
// they cannot be guessed.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}
