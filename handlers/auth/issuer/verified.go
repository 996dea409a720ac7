package issuer

import (
	"crypto/sha256"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

const (
	// maxCachedTokens and maxCachedSize, in bytes of one token, bound the cache: usually some megabytes.
	maxCachedTokens = 1 << 13
	maxCachedSize   = 4 << 10
)

// verifiedCache has verified tokens by the hash of their exact bytes, so that a token is not parsed and its signature
// not verified for each request of a client. Whether a token has expired, and whether its key is still the issuer's, is
// checked each time.
type verifiedCache struct {
	tokens *lru.Cache[[sha256.Size]byte, verifiedToken]
}

// verifiedToken is what a token says, without its signed part.
type verifiedToken struct {
	token   Token
	kid     string
	fetched time.Time // when the issuer's keys were fetched that it was verified with
}

func newVerifiedCache() (verifiedCache, error) {
	tokens, err := lru.New[[sha256.Size]byte, verifiedToken](maxCachedTokens)
	return verifiedCache{tokens}, err
}

func (v verifiedCache) has(signed string) bool {
	return len(signed) <= maxCachedSize && v.tokens.Contains(sha256.Sum256([]byte(signed)))
}

// get returns a token that was verified before and has not expired. If the issuer's keys have been fetched again since,
// it has to be verified again.
func (v verifiedCache) get(signed string) (t verifiedToken, known bool) {
	if len(signed) > maxCachedSize {
		return t, false
	}
	t, known = v.tokens.Get(sha256.Sum256([]byte(signed)))
	if !known || !time.Now().Before(t.token.ExpiresAt.Time) {
		return t, false
	}
	t.token.Signed = signedPart(signed)
	return t, true
}

func (v verifiedCache) put(signed string, t verifiedToken) {
	if len(signed) <= maxCachedSize {
		t.token.Signed = ""
		v.tokens.Add(sha256.Sum256([]byte(signed)), t)
	}
}

// signedPart is a token without its signature.
func signedPart(signed string) string { return signed[:strings.LastIndexByte(signed, '.')] }
