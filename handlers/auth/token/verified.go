package token

import (
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/parley-chat/parley/models"
)

// maxCachedTokens bounds the cache: some megabytes.
const maxCachedTokens = 1 << 13

// verifiedCache has verified tokens by their exact bytes, so that a token is not parsed and its signature not computed
// for each request of a client. All are of one secret. Whether they have expired is checked each time.
type verifiedCache struct {
	tokens *lru.Cache[presented, verifiedToken]
}

// presented is a token and the audience that it was presented for.
type presented struct {
	signed   string
	audience Audience
}

// verifiedToken is what a token says.
type verifiedToken struct {
	caller  models.Caller
	expires time.Time
}

func newVerifiedCache() (verifiedCache, error) {
	tokens, err := lru.New[presented, verifiedToken](maxCachedTokens)
	return verifiedCache{tokens}, err
}

func (v verifiedCache) get(p presented, now time.Time) (models.Caller, bool) {
	t, known := v.tokens.Get(p)
	if !known || !now.Before(t.expires) {
		return models.Caller{}, false
	}
	return t.caller, true
}

// put keeps a token without the header that it is a part of.
func (v verifiedCache) put(p presented, t verifiedToken) {
	p.signed = strings.Clone(p.signed)
	v.tokens.Add(p, t)
}
