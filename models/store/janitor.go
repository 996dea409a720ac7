package store

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// janitorEvery is how often the janitor looks for what has grown too old.
	janitorEvery = time.Minute
	// biteSize bounds the rows that one of its transactions removes, so that nobody waits long behind it.
	biteSize = 1000
)

// runJanitor removes what nobody can see any more: events past their retention, spent Idempotency-Keys, sessions that
// have run out and guests whose last one has, log-ins through providers that came to nothing, what a deleted account left behind, and the messages of rooms that were
// deleted or cleared. It also makes findable what a migration left so.
func (s *Store) runJanitor(ctx context.Context) {
	ticker := time.NewTicker(janitorEvery)
	defer ticker.Stop()
	for {
		if err := s.tidy(ctx); err != nil && ctx.Err() == nil {
			s.log.Warn("tidying the database failed; it will be tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
	}
}

func (s *Store) tidy(ctx context.Context) error {
	for _, bite := range []func(context.Context) (more bool, err error){
		s.endOtherWays, s.pruneEvents, s.pruneKeys, s.expireGuests, s.expireIdleGuests, s.finishDepartures, s.pruneSessions, s.pruneVouched,
		s.pruneFlows,
		s.sweepMessages, s.dropUnattached, s.expireUploads, s.indexRooms, s.indexMessages,
	} {
		for {
			more, err := bite(ctx)
			if err != nil {
				return err
			}
			if !more {
				break
			}
		}
	}
	return nil
}

// pruneEvents removes a bite of the oldest events. The head's row says how far, in the same transaction, so that a
// reader can tell a position that is gone from one that is yet to come.
func (s *Store) pruneEvents(ctx context.Context) (more bool, err error) {
	_, err = s.change(ctx, func(c *change) error {
		var upTo, pruned int64
		err := c.Raw(`SELECT COALESCE(max(position), 0) FROM (SELECT position, created_at FROM events
			ORDER BY position LIMIT ?) oldest WHERE created_at < ?`,
			biteSize, models.Now().Add(-s.retention).UnixMilli()).Scan(&upTo).Error
		if err != nil || upTo == 0 {
			return err
		}
		if err := c.Exec("UPDATE event_head SET pruned = ? WHERE id = 1", upTo).Error; err != nil {
			return err
		}
		removed := c.Exec("DELETE FROM events WHERE position <= ?", upTo)
		pruned, more = removed.RowsAffected, removed.RowsAffected >= biteSize
		if removed.Error != nil || pruned == 0 {
			return removed.Error
		}
		if err := c.Exec("DELETE FROM past_memberships WHERE left_position <= ?", upTo).Error; err != nil {
			return err
		}
		return c.Exec("DELETE FROM silences WHERE to_position > 0 AND to_position <= ?", upTo).Error
	})
	return more, err
}

func (s *Store) pruneKeys(ctx context.Context) (more bool, err error) {
	return s.bite(ctx, `DELETE FROM idempotency_keys WHERE (caller_id, path, key) IN (
		SELECT caller_id, path, key FROM idempotency_keys WHERE created_at < ? LIMIT ?)`,
		models.Now().Add(-models.IdempotencyLife).UnixMilli(), biteSize)
}

// pruneVouched forgets tokens of a product's that have run out.
func (s *Store) pruneVouched(ctx context.Context) (more bool, err error) {
	past := models.Now().Add(-flowMemory).UnixMilli()
	more, err = s.bite(ctx, "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE vouched AND expires_at < ? LIMIT ?)",
		past, biteSize)
	if err != nil || more {
		return more, err
	}
	return s.bite(ctx, "DELETE FROM spent_tokens WHERE session_id IN (SELECT session_id FROM spent_tokens WHERE expires_at < ? LIMIT ?)",
		past, biteSize)
}

// pruneSessions forgets sessions a lifetime after they ended: until then a spent token is still known for what it is.
func (s *Store) pruneSessions(ctx context.Context) (more bool, err error) {
	return s.bite(ctx, "DELETE FROM sessions WHERE id IN (SELECT id FROM sessions WHERE expires_at < ? LIMIT ?)",
		models.Now().Add(-models.RefreshTokenLife).UnixMilli(), biteSize)
}

func (s *Store) bite(ctx context.Context, statement string, args ...any) (more bool, err error) {
	_, err = s.change(ctx, func(c *change) error {
		removed := c.Exec(statement, args...)
		more = removed.RowsAffected >= biteSize
		return removed.Error
	})
	return more, err
}

func (s *Store) sweepMessages(ctx context.Context) (more bool, err error) {
	_, err = s.change(ctx, func(c *change) error {
		var sweep struct{ RoomID, UpToID int64 }
		found := c.Raw("SELECT room_id, up_to_id FROM message_sweeps ORDER BY room_id LIMIT 1").Scan(&sweep)
		if found.Error != nil || found.RowsAffected == 0 {
			return found.Error
		}
		more = true
		removed := c.Exec(`DELETE FROM reactions WHERE (room_id, message_id, emoji, user_id) IN (
			SELECT room_id, message_id, emoji, user_id FROM reactions WHERE room_id = ? AND message_id <= ? LIMIT ?)`,
			sweep.RoomID, sweep.UpToID, biteSize)
		if removed.Error != nil || removed.RowsAffected >= biteSize {
			return removed.Error
		}
		removed = c.Exec(`DELETE FROM messages WHERE room_id = ? AND id IN (
			SELECT id FROM messages WHERE room_id = ? AND id <= ? ORDER BY id LIMIT ?)`,
			sweep.RoomID, sweep.RoomID, sweep.UpToID, biteSize)
		if removed.Error != nil || removed.RowsAffected >= biteSize {
			return removed.Error
		}
		return c.Exec("DELETE FROM message_sweeps WHERE room_id = ? AND up_to_id = ?", sweep.RoomID, sweep.UpToID).Error
	})
	return more, err
}
