package store

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// janitorEvery is how often the janitor looks for what has expired, and for what another process left undone.
const janitorEvery = time.Minute

// runJanitor deletes what nobody can see any more: what deleted accounts and rooms leave behind, messages that were
// cleared, events past their retention, used Idempotency-Keys, expired sessions and guests without a session, log-ins
// through providers that were not completed. It also indexes what a migration left for it.
func (s *Store) runJanitor(ctx context.Context) {
	ticker := time.NewTicker(janitorEvery)
	defer ticker.Stop()
	for {
		s.runJobs(ctx)
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-s.purges:
		}
	}
}

// wakeJanitor signals that there is something to purge.
func (s *Store) wakeJanitor() {
	select {
	case s.purges <- struct{}{}:
	default: // an earlier signal is still waiting, and serves this one too
	}
}

// runJobs runs a batch of each job in turn until none has anything left, so that none waits for the end of a long one.
// There is a pause after each. A job that fails is tried again the next time.
func (s *Store) runJobs(ctx context.Context) {
	jobs := []func(context.Context) (more bool, err error){
		s.endOtherLogins, s.expireGuests, s.expireIdleGuests, s.purgeAccounts, s.purgeRooms, s.purgeMessages,
		s.purgeReactions, s.pruneEvents,
		s.prunePast, s.pruneMutes, s.pruneRenames, s.pruneKeys, s.pruneSessions, s.pruneVouched, s.pruneSpent, s.pruneFlows,
		s.dropPresences, s.dropUnattached, s.expireUploads,
		s.indexRooms, s.reindexMessages,
	}
	for len(jobs) > 0 && ctx.Err() == nil {
		jobs = slices.DeleteFunc(jobs, func(job func(context.Context) (bool, error)) bool {
			if ctx.Err() != nil {
				return true
			}
			began := time.Now()
			more, err := job(ctx)
			if err != nil && ctx.Err() == nil {
				s.log.Warn("cannot clean up the database; retrying", "error", err)
			}
			if more && err == nil {
				pause(ctx, time.Since(began))
			}
			return !more || err != nil
		})
	}
}

// pruneEvents deletes some of the oldest events, but none whose message waits for the word index. The head row records
// how far, in the same transaction, so that a reader can distinguish a pruned position from a future one.
func (s *Store) pruneEvents(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (more bool, err error) {
		var upTo int64
		err = database.Scan(tx.DB, &upTo, `SELECT COALESCE(max(position), 0) FROM (SELECT position, created_at FROM events
			ORDER BY position LIMIT ?) oldest WHERE created_at < ?
			AND position <= (SELECT position FROM word_index WHERE id = 1)`,
			batchRows, models.Now().Add(-s.retention).UnixMilli())
		if err != nil || upTo == 0 {
			return false, err
		}
		if err := database.Exec(tx.DB, "UPDATE event_head SET pruned = ? WHERE id = 1", upTo); err != nil {
			return false, err
		}
		removed, err := database.ExecRows(tx.DB, "DELETE FROM events WHERE position <= ?", upTo)
		return removed >= batchRows, err
	})
}

// prunePast deletes past periods of membership of which no events are kept.
func (s *Store) prunePast(ctx context.Context) (more bool, err error) {
	return s.prune(ctx, "past_memberships", "user_id, room_id, left_position", "left_position <= ?", s.pruned)
}

// pruneMutes deletes mutes that ended before the oldest event that is kept.
func (s *Store) pruneMutes(ctx context.Context) (more bool, err error) {
	return s.prune(ctx, "silences", "user_id, room_id, sender_id, from_position", "to_position > 0 AND to_position <= ?",
		s.pruned)
}

// pruneRenames deletes earlier names together with the events of that time.
func (s *Store) pruneRenames(ctx context.Context) (more bool, err error) {
	return s.prune(ctx, "renames", "seq", "renamed_at < ?", before(s.retention))
}

// pruned returns the newest position that is no longer kept.
func (s *Store) pruned(ctx context.Context) (int64, error) {
	_, pruned, err := s.Bounds(ctx)
	return pruned, err
}

// before returns a time that is age ago, for prune.
func before(age time.Duration) func(context.Context) (int64, error) {
	return func(context.Context) (int64, error) { return models.Now().Add(-age).UnixMilli(), nil }
}

// prune deletes some of a table's rows that are older than a bound.
func (s *Store) prune(
	ctx context.Context, table, key, where string, bound func(context.Context) (int64, error),
) (more bool, err error) {
	upTo, err := bound(ctx)
	if err != nil {
		return false, err
	}
	return s.batch(ctx, func(tx *transaction) (bool, error) { return tx.deleteRows(table, key, where, upTo) })
}

func (s *Store) pruneKeys(ctx context.Context) (more bool, err error) {
	return s.prune(ctx, "idempotency_keys", "caller_id, path, key", "created_at < ?", before(models.IdempotencyLife))
}

// pruneSessions deletes sessions a lifetime after they ended: until then a token that was spent is still recognized.
func (s *Store) pruneSessions(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (bool, error) {
		return tx.deleteSessions(false, "expires_at < ?", models.Now().Add(-models.RefreshTokenLife).UnixMilli())
	})
}

// pruneVouched deletes expired sessions of a product's tokens.
func (s *Store) pruneVouched(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (bool, error) {
		return tx.deleteSessions(false, "vouched AND expires_at < ?", models.Now().Add(-flowGrace).UnixMilli())
	})
}

// pruneSpent deletes the tokens of deleted accounts, once they have expired.
func (s *Store) pruneSpent(ctx context.Context) (more bool, err error) {
	return s.prune(ctx, "spent_tokens", "session_id", "expires_at < ?", before(flowGrace))
}

// A user may have a million rows, and SQLite has one writer. So nothing is deleted at once: a deletion is a short first
// step, after which nobody sees what was deleted, and batches after it.
const (
	// batchTime is how long one transaction of a purge continues, which is the longest that a send waits for it.
	batchTime = 4 * time.Millisecond
	// batchRows bounds the rows that one of its statements changes.
	batchRows = 100
	// restAtLeast is the shortest pause between two batches.
	restAtLeast = time.Millisecond
)

// batch runs one transaction, in which step is called until there is nothing more to do, or the batch is over. It gets
// a new transaction each time that it is tried.
func (s *Store) batch(ctx context.Context, step func(tx *transaction) (more bool, err error)) (more bool, err error) {
	_, err = s.write(ctx, func(tx *transaction) (err error) {
		until := time.Now().Add(batchTime)
		for more = true; more && err == nil && !tx.batchFull && time.Now().Before(until); {
			more, err = step(tx)
		}
		return err
	})
	return more, err
}

// pause lets waiting transactions go first: for as long as the batch before it took, including its wait.
func pause(ctx context.Context, took time.Duration) {
	timer := time.NewTimer(max(took, restAtLeast))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// lockNextRoom locks a room that the batch comes to after others. Rooms are locked in the order of their ids: a room
// before those that the transaction holds is left to the next batch.
func (tx *transaction) lockNextRoom(roomID int64) (ok bool, err error) {
	if roomID < tx.lastRoomID {
		tx.batchFull = true
		return false, nil
	}
	tx.lastRoomID = roomID
	return true, tx.lockRoom(models.RoomPath{ID: roomID})
}

// deleteRows deletes some of a table's rows that match a condition, which has one argument; key is the table's key.
// more says that there may be others.
func (tx *transaction) deleteRows(table, key, where string, arg any) (more bool, err error) {
	removed, err := database.ExecRows(tx.DB,
		"DELETE FROM "+table+" WHERE ("+key+") IN (SELECT "+key+" FROM "+table+" WHERE "+where+" LIMIT ?)",
		arg, batchRows)
	return removed > 0, err
}

// deleteSessions deletes some sessions, and their refresh tokens before them: one session may have thousands. For a
// deleted user it records the tokens that a client may still use.
func (tx *transaction) deleteSessions(gone bool, where string, args ...any) (more bool, err error) {
	var ids, hashes []string
	err = database.Scan(tx.DB, &ids,
		"SELECT id FROM sessions WHERE "+where+" LIMIT ?", append(slices.Clone(args), batchRows)...)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	if err := database.Scan(tx.DB, &hashes,
		"SELECT hash FROM refresh_tokens WHERE session_id IN ? LIMIT ?", ids, batchRows); err != nil {
		return true, err
	}
	if len(hashes) > 0 {
		if gone {
			err = tx.spendRefresh(hashes)
		}
		if err == nil {
			err = database.Exec(tx.DB, "DELETE FROM refresh_tokens WHERE hash IN ?", hashes)
		}
		return true, err
	}
	if gone {
		err = tx.spendVouched(ids)
	}
	if err == nil {
		err = database.Exec(tx.DB, "DELETE FROM sessions WHERE id IN ?", ids)
	}
	return true, err
}

// deleteSomeFiles is deleteFiles for some of the files that match a condition.
func (tx *transaction) deleteSomeFiles(where string, args ...any) (more bool, err error) {
	var ids []string
	err = database.Scan(tx.DB, &ids,
		"SELECT id FROM files WHERE "+where+" LIMIT ?", append(slices.Clone(args), batchRows)...)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	return true, tx.deleteFiles("id IN ?", ids)
}

// dropSomeUploads is dropUploads for some of the uploads that match a condition.
func (tx *transaction) dropSomeUploads(where string, arg any) (more bool, err error) {
	var ids []string
	err = database.Scan(tx.DB, &ids, "SELECT id FROM uploads WHERE NOT gone AND "+where+" LIMIT ?", arg, batchRows)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	return true, tx.dropUploads("id IN ?", ids)
}

// endMemberships stores periods of membership that ended at a position, and deletes the memberships. where is on rows
// of memberships.
func (tx *transaction) endMemberships(position int64, where string, args ...any) error {
	const kept = "INSERT INTO past_memberships (room_id, user_id, joined_position, left_position) " +
		"SELECT room_id, user_id, joined_position, ? FROM memberships WHERE "
	if err := database.Exec(tx.DB, kept+where, append([]any{position}, args...)...); err != nil {
		return err
	}
	return database.Exec(tx.DB, "DELETE FROM memberships WHERE "+where, args...)
}
