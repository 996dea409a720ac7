package store

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// searchesAtOnce is how many word searches run at a time, one for each user: fewer than there are connections, so that
	// histories and lists never wait behind searches.
	searchesAtOnce = 4
	// searchTime bounds one search, from the moment its turn has come.
	searchTime = 5 * time.Second
)

// search runs a search when it is the caller's turn. One that takes too long is given up: it is unavailable.
func (s *Store) search(ctx context.Context, callerID int64, run func(ctx context.Context) error) error {
	done, err := s.searches.Take(ctx, callerID)
	if err != nil {
		return err
	}
	defer done()
	limited, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	err = run(limited)
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return &models.Error{
			Code: models.CodeUnavailable, RetryAfter: searchTime, Err: err,
			Message: "The search took too long; look for rarer words, or in one room.",
		}
	}
	return err
}
