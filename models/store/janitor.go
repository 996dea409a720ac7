package store

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
)

// janitorEvery is how often the janitor looks for what has grown too old, and for what another process left undone.
const janitorEvery = time.Minute

// runJanitor removes what nobody can see any more: what deleted accounts and rooms leave behind, messages that were cleared,
// events past their retention, spent Idempotency-Keys, sessions that have run out and guests whose last one has, log-ins
// through providers that came to nothing. It also makes findable what a migration left so.
func (s *Store) runJanitor(ctx context.Context) {
	ticker := time.NewTicker(janitorEvery)
	defer ticker.Stop()
	for {
		s.tidy(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.purges:
		}
	}
}

// wakeJanitor says that there is something to purge.
func (s *Store) wakeJanitor() {
	select {
	case s.purges <- struct{}{}:
	default: // it has yet to hear of an earlier one, and will find this one too
	}
}

// tidy runs a batch of each kind in turn until none has anything left, so that none waits for the end of a long one. There
// is a rest after each. A kind that fails is tried again at the next time.
func (s *Store) tidy(ctx context.Context) {
	kinds := []func(context.Context) (more bool, err error){
		s.endOtherWays, s.expireGuests, s.expireIdleGuests, s.purgeAccounts, s.purgeRooms, s.sweepMessages, s.sweepReactions, s.pruneEvents,
		s.prunePast, s.pruneSilences, s.pruneRenames, s.pruneKeys, s.pruneSessions, s.pruneVouched, s.pruneSpent, s.pruneFlows, s.dropPresences, s.dropUnattached, s.expireUploads,
		s.indexRooms, s.reindexMessages,
	}
	for len(kinds) > 0 && ctx.Err() == nil {
		kinds = slices.DeleteFunc(kinds, func(batch func(context.Context) (bool, error)) bool {
			if ctx.Err() != nil {
				return true
			}
			began := time.Now()
			more, err := batch(ctx)
			if err != nil && ctx.Err() == nil {
				s.log.Warn("tidying the database failed; it will be tried again", "error", err)
			}
			if more && err == nil {
				rest(ctx, time.Since(began))
			}
			return !more || err != nil
		})
	}
}

// pruneEvents removes some of the oldest events. The head's row says how far, in the same transaction, so that a reader can
// tell a position that is gone from one that is yet to come.
func (s *Store) pruneEvents(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(c *change) (more bool, err error) {
		var upTo int64
		err = c.Raw(`SELECT COALESCE(max(position), 0) FROM (SELECT position, created_at FROM events
			ORDER BY position LIMIT ?) oldest WHERE created_at < ?`,
			batchRows, models.Now().Add(-s.retention).UnixMilli()).Scan(&upTo).Error
		if err != nil || upTo == 0 {
			return false, err
		}
		if err := c.Exec("UPDATE event_head SET pruned = ? WHERE id = 1", upTo).Error; err != nil {
			return false, err
		}
		removed := c.Exec("DELETE FROM events WHERE position <= ?", upTo)
		return removed.RowsAffected >= batchRows, removed.Error
	})
}

// prunePast forgets stretches of membership that no event is kept of.
func (s *Store) prunePast(ctx context.Context) (more bool, err error) {
	return s.prune(ctx, "past_memberships", "user_id, room_id, left_position", "left_position <= ?", s.pruned)
}

// pruneSilences forgets silences that ended before the events that are kept.
func (s *Store) pruneSilences(ctx context.Context) (more bool, err error) {
	return s.prune(ctx, "silences", "user_id, room_id, sender_id, from_position", "to_position > 0 AND to_position <= ?", s.pruned)
}

// pruneRenames forgets earlier names when the events of that time go.
func (s *Store) pruneRenames(ctx context.Context) (more bool, err error) {
	return s.prune(ctx, "renames", "seq", "renamed_at < ?", before(s.retention))
}

// pruned is the newest position that is no longer kept.
func (s *Store) pruned(ctx context.Context) (int64, error) {
	_, pruned, err := s.Bounds(ctx)
	return pruned, err
}

// before is a time so long ago, for prune.
func before(age time.Duration) func(context.Context) (int64, error) {
	return func(context.Context) (int64, error) { return models.Now().Add(-age).UnixMilli(), nil }
}

// prune removes some of a table's rows that are behind a bound.
func (s *Store) prune(ctx context.Context, table, key, where string, bound func(context.Context) (int64, error)) (more bool, err error) {
	upTo, err := bound(ctx)
	if err != nil {
		return false, err
	}
	return s.batch(ctx, func(c *change) (bool, error) { return c.dropRows(table, key, where, upTo) })
}

func (s *Store) pruneKeys(ctx context.Context) (more bool, err error) {
	return s.prune(ctx, "idempotency_keys", "caller_id, path, key", "created_at < ?", before(models.IdempotencyLife))
}

// pruneSessions forgets sessions a lifetime after they ended: until then a spent token is still known for what it is.
func (s *Store) pruneSessions(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(c *change) (bool, error) {
		return c.dropSessions(false, "expires_at < ?", models.Now().Add(-models.RefreshTokenLife).UnixMilli())
	})
}

// pruneVouched forgets sessions of a product's tokens that have run out.
func (s *Store) pruneVouched(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(c *change) (bool, error) {
		return c.dropSessions(false, "vouched AND expires_at < ?", models.Now().Add(-flowMemory).UnixMilli())
	})
}

// pruneSpent forgets tokens of accounts that are gone, once they have run out.
func (s *Store) pruneSpent(ctx context.Context) (more bool, err error) {
	return s.prune(ctx, "spent_tokens", "session_id", "expires_at < ?", before(flowMemory))
}
