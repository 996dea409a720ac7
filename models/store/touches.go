package store

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

const (
	// touchEvery is how far last_used_at may lag behind: it is for people to read, and not worth a commit per request.
	touchEvery = time.Minute
	// touchDelay is how long touches are gathered, and touchBatch how many sessions are touched in one transaction.
	touchDelay = 500 * time.Millisecond
	touchBatch = 100
	// touchTimeout limits how long all touches that were gathered may take; what fails or is left over is left out: the
	// session's next request touches it again.
	touchTimeout = 5 * time.Second
	// returnAfter is how long a session was not used when its next request waits until that is stored: a guest who has
	// come back must not be found idle (expireIdleGuests). No touch is that old when it is stored behind a request.
	returnAfter = models.IdleGuestLife / 2
)

// touches are the sessions whose last_used_at is to be set. But for those after returnAfter, no request waits for that:
// after a restart all sessions are used at the same moment, and a commit for each would hold up everything else.
type touches struct {
	wake chan struct{} // wakes runTouches; capacity 1, never closed

	mu   sync.Mutex
	used map[string]int64 // when each session was last used, by id
}

func newTouches() *touches { return &touches{wake: make(chan struct{}, 1), used: map[string]int64{}} }

func (t *touches) add(sessionID string, now models.Time) {
	t.mu.Lock()
	t.used[sessionID] = now.Millis()
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default: // a wake-up is pending already
	}
}

func (t *touches) takeAll() map[string]int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	used := t.used
	t.used = map[string]int64{}
	return used
}

// runTouches sets last_used_at of the sessions that were used, until ctx is done.
func (s *Store) runTouches(ctx context.Context) {
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-s.touches.wake:
			pause(ctx, touchDelay)
		}
		storing, cancel := context.WithTimeout(context.Background(), touchTimeout)
		s.storeTouches(storing, s.touches.takeAll())
		cancel()
	}
}

// storeTouches sets last_used_at of many sessions, until ctx is done.
func (s *Store) storeTouches(ctx context.Context, used map[string]int64) {
	for ids := range slices.Chunk(slices.Sorted(maps.Keys(used)), touchBatch) {
		if err := s.touchSessions(ctx, ids, used); err != nil {
			s.log.Warn("cannot store when sessions were used", "error", err)
		}
		if ctx.Err() != nil {
			return
		}
	}
}

// touchSessions sets last_used_at in one transaction. ids are in order: then two nodes do not wait for each other.
func (s *Store) touchSessions(ctx context.Context, ids []string, used map[string]int64) error {
	err := s.writer.WithContext(ctx).Transaction(func(tx *gorm.DB) error {
		for _, id := range ids {
			err := database.Exec(tx, "UPDATE sessions SET last_used_at = ? WHERE id = ? AND last_used_at < ?",
				used[id], id, used[id])
			if err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil {
		s.cache.touchSessions(ids, used)
	}
	return err
}

// storeReturns is the load function of a coalescer: it touches sessions whose requests wait for that.
func (s *Store) storeReturns(ctx context.Context, ids []string) (map[string]struct{}, error) {
	now, used := models.Now().Millis(), make(map[string]int64, len(ids))
	for _, id := range ids {
		used[id] = now
	}
	return nil, s.touchSessions(ctx, slices.Sorted(maps.Keys(used)), used)
}
