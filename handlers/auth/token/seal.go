package token

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
)

// Seal encrypts a response that contains tokens, so that it can be stored for a repeated request. Only the same proof
// opens it again: neither the database nor the secret alone does.
func (k *Keys) Seal(response, proof []byte) (string, error) {
	aead, err := k.aead(proof)
	if err != nil {
		return "", err
	}
	sealed := aead.Seal(nil, nil, response, nil) //nolint:gosec // no nonce is given, since this AEAD makes its own
	return base64.RawStdEncoding.EncodeToString(sealed), nil
}

// Unseal decrypts what Seal encrypted.
func (k *Keys) Unseal(sealed string, proof []byte) ([]byte, error) {
	raw, err := base64.RawStdEncoding.DecodeString(sealed)
	if err != nil {
		return nil, fmt.Errorf("read a sealed response: %w", err)
	}
	aead, err := k.aead(proof)
	if err != nil {
		return nil, err
	}
	response, err := aead.Open(nil, nil, raw, nil)
	if err != nil {
		return nil, fmt.Errorf("open a sealed response: %w", err)
	}
	return response, nil
}

// Proof derives a key from parts of a request, which only a request with the same parts has. If one part is a random
// secret the key cannot be guessed; for a password it is the salt for Passwords.Stretch.
func (k *Keys) Proof(parts ...string) []byte {
	mac := hmac.New(sha256.New, k.proving)
	for _, part := range parts {
		fmt.Fprintf(mac, "%d:%s", len(part), part) // so that different lists of parts give different keys
	}
	return mac.Sum(nil)
}

func (k *Keys) aead(proof []byte) (cipher.AEAD, error) {
	mac := hmac.New(sha256.New, k.sealing)
	mac.Write(proof)
	block, err := aes.NewCipher(mac.Sum(nil))
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}
