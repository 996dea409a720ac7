package handlers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/parley-chat/parley/models"
)

// newOnce reads the Idempotency-Key of a request that creates something; nil stands for none.
//
// What is stored are hashes, the body's under the key: a log-in's body holds a password, and its plain hash would be
// quickly guessed by whoever reads the database.
func newOnce(r *http.Request, key *string, body []byte, answer func(created any) ([]byte, error)) (*models.Once, error) {
	if key == nil {
		return nil, nil
	}
	if !visibleASCII(*key, models.MaxIdempotencyKey) {
		return nil, models.Invalid("Idempotency-Key", "must be 1 to %d visible ASCII characters", models.MaxIdempotencyKey)
	}
	name := sha256.Sum256([]byte(*key))
	fingerprint := hmac.New(sha256.New, []byte(*key))
	fingerprint.Write(body)
	return &models.Once{
		CallerID: callerOf(r).UserID, Path: r.URL.Path, Key: hex.EncodeToString(name[:]),
		Fingerprint: hex.EncodeToString(fingerprint.Sum(nil)), Answer: answer,
	}, nil
}

// decodeOnce reads the body of a creation, and its Idempotency-Key. What was created is its own answer.
func decodeOnce[T validator](w http.ResponseWriter, r *http.Request, key *string) (T, *models.Once, error) {
	body, err := readBody(w, r)
	if err != nil {
		var none T
		return none, nil, err
	}
	value, err := parse[T](body)
	if err != nil {
		return value, nil, err
	}
	once, err := newOnce(r, key, body, encode)
	return value, once, err
}
