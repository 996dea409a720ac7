package store

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"

	"github.com/parley-chat/parley/models"
)

const (
	// searchesAtOnce is how many word searches run at a time: fewer than there are connections, so that histories and lists
	// never wait behind searches.
	searchesAtOnce = 4
	// searchTime bounds one search, from the moment its turn has come.
	searchTime = 5 * time.Second
)

// turns lets some of what is expensive run at a time, one for each user: who asks for a hundred things at once waits for
// their own, and nobody else does.
type turns struct {
	running *semaphore.Weighted
	mu      sync.Mutex
	users   map[int64]*userTurn
}

// userTurn is held by one of a user's, for whom the others wait.
type userTurn struct {
	held    *semaphore.Weighted
	waiting int // and holding; guarded by turns.mu
}

func newTurns(atOnce int64) *turns {
	return &turns{running: semaphore.NewWeighted(atOnce), users: map[int64]*userTurn{}}
}

// take waits until it is the user's turn; done ends that. An error is ctx's.
func (t *turns) take(ctx context.Context, userID int64) (done func(), err error) {
	t.mu.Lock()
	own := t.users[userID]
	if own == nil {
		own = &userTurn{held: semaphore.NewWeighted(1)}
		t.users[userID] = own
	}
	own.waiting++
	t.mu.Unlock()
	if err := own.held.Acquire(ctx, 1); err != nil {
		t.leave(userID, own)
		return nil, err
	}
	if err := t.running.Acquire(ctx, 1); err != nil {
		own.held.Release(1)
		t.leave(userID, own)
		return nil, err
	}
	return func() {
		t.running.Release(1)
		own.held.Release(1)
		t.leave(userID, own)
	}, nil
}

func (t *turns) leave(userID int64, own *userTurn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	own.waiting--
	if own.waiting == 0 {
		delete(t.users, userID)
	}
}

// search runs a search when it is the caller's turn. One that takes too long is given up: it is unavailable.
func (s *Store) search(ctx context.Context, callerID int64, run func(ctx context.Context) error) error {
	done, err := s.searches.take(ctx, callerID)
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
