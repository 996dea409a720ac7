package request

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/parley-chat/parley/models"
)

// IdempotencyKey is the header of the Idempotency-Key.
const IdempotencyKey = "Idempotency-Key"

// NewIdempotentCall returns the call of a request with an Idempotency-Key; nil if the request has none.
//
// The store keeps hashes. That of the body is keyed by the Idempotency-Key: the body of a log-in contains a password,
// which could quickly be guessed from a plain hash in a stolen database.
func NewIdempotentCall(
	r *http.Request, key *string, body []byte, encode func(created any) ([]byte, error),
) (*models.IdempotentCall, error) {
	if key == nil {
		return nil, nil
	}
	if err := CheckKey(*key); err != nil {
		return nil, err
	}
	return &models.IdempotentCall{
		CallerID:    Caller(r).UserID,
		Path:        r.URL.Path,
		Key:         hashKey(*key),
		Fingerprint: hexMAC([]byte(*key), body),
		Encode:      encode,
	}, nil
}

// CheckKey checks an Idempotency-Key.
func CheckKey(key string) error {
	if !visibleASCII(key, models.MaxIdempotencyKey) {
		return models.Invalid(IdempotencyKey, "must be 1 to %d visible ASCII characters", models.MaxIdempotencyKey)
	}
	return nil
}

// NewSecretCall is NewIdempotentCall for a response that contains tokens. The caller is identified by the secret in the
// body, from which proof is derived: a request with another secret is from another caller, who must not learn that the
// key was used. A caller with a token is identified by that, and the secret is part of the body.
func NewSecretCall(
	r *http.Request, key string, proof, body []byte, encode func(created any) ([]byte, error),
) *models.IdempotentCall {
	call := &models.IdempotentCall{
		CallerID: Caller(r).UserID, Path: r.URL.Path, Key: hashKey(key), Fingerprint: hexMAC(proof, body), Encode: encode,
	}
	if call.CallerID == 0 {
		call.Key = hexMAC(proof, []byte(key))
	}
	return call
}

func hashKey(key string) string {
	hash := sha256.Sum256([]byte(key))
	return hex.EncodeToString(hash[:])
}

func hexMAC(key, data []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return hex.EncodeToString(mac.Sum(nil))
}
