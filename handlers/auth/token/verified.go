package token

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/parley-chat/parley/models"
)

// rememberedTokens bounds the tokens that are remembered: some megabytes of them.
const rememberedTokens = 1 << 13

// verified are tokens that were found to be good, by their very bytes, so that a client's is not taken apart and its
// signature not computed with each of its requests. They are those of one secret. Time goes on, so their end is looked at
// each time.
type verified struct {
	tokens *lru.Cache[presented, good]
}

// presented is a token and what it was presented for.
type presented struct {
	signed   string
	audience Audience
}

type good struct {
	caller  models.Caller
	expires time.Time
}

func newVerified() (verified, error) {
	tokens, err := lru.New[presented, good](rememberedTokens)
	return verified{tokens}, err
}

func (v verified) find(p presented, now time.Time) (models.Caller, bool) {
	g, known := v.tokens.Get(p)
	if !known || !now.Before(g.expires) {
		return models.Caller{}, false
	}
	return g.caller, true
}

func (v verified) keep(p presented, g good) { v.tokens.Add(p, g) }
