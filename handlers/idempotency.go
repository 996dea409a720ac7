package handlers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"

	"github.com/parley-chat/parley/models"
)

const keyHeader = "Idempotency-Key"

// newOnce reads the Idempotency-Key of a request that creates something; nil stands for none.
//
// What is stored are hashes, the body's under the key: a log-in's body holds a password, and its plain hash would be
// quickly guessed by whoever reads the database.
func newOnce(r *http.Request, key *string, body []byte, answer func(created any) ([]byte, error)) (*models.Once, error) {
	if key == nil {
		return nil, nil
	}
	if err := checkKey(*key); err != nil {
		return nil, err
	}
	return &models.Once{
		CallerID: callerOf(r).UserID, Path: r.URL.Path, Key: nameOfKey(*key), Fingerprint: hexMAC([]byte(*key), body), Answer: answer,
	}, nil
}

func checkKey(key string) error {
	if !visibleASCII(key, models.MaxIdempotencyKey) {
		return models.Invalid(keyHeader, "must be 1 to %d visible ASCII characters", models.MaxIdempotencyKey)
	}
	return nil
}

// newSecretOnce is newOnce for an answer that holds tokens. Who asks is known by the secret that the body holds, of which
// proof is made: whoever brings another one is another caller, who never learns that the key was used. A caller with a
// token is known by that, and the secret belongs to the body.
func newSecretOnce(r *http.Request, key string, proof, body []byte, answer func(created any) ([]byte, error)) *models.Once {
	once := &models.Once{
		CallerID: callerOf(r).UserID, Path: r.URL.Path, Key: nameOfKey(key), Fingerprint: hexMAC(proof, body), Answer: answer,
	}
	if once.CallerID == 0 {
		once.Key = hexMAC(proof, []byte(key))
	}
	return once
}

func nameOfKey(key string) string {
	name := sha256.Sum256([]byte(key))
	return hex.EncodeToString(name[:])
}

func hexMAC(key, data []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(data)
	return hex.EncodeToString(mac.Sum(nil))
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
