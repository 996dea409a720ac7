package store

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
)

// What somebody had may be a million rows, and SQLite has one writer. So nothing is removed at one go: a deletion is a
// short first step, after which nobody sees any more what is gone, and batches behind it.
const (
	// batchTime is how long one transaction of a purge goes on, so that a send that comes meanwhile waits no longer.
	batchTime = 4 * time.Millisecond
	// batchRows bounds the rows that one of its statements changes.
	batchRows = 100
	// restAtLeast is the shortest rest between two batches.
	restAtLeast = time.Millisecond
)

// batch runs one transaction, in which step is called until there is nothing more to do, or the batch is over. The change
// is new each time that it is tried.
func (s *Store) batch(ctx context.Context, step func(c *change) (more bool, err error)) (more bool, err error) {
	_, err = s.change(ctx, func(c *change) (err error) {
		until := time.Now().Add(batchTime)
		for more = true; more && err == nil && !c.full && time.Now().Before(until); {
			more, err = step(c)
		}
		return err
	})
	return more, err
}

// rest lets those go first who wait for the database: for as long as the batch before it took, their wait included.
func rest(ctx context.Context, took time.Duration) {
	timer := time.NewTimer(max(took, restAtLeast))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// lockNext locks a room that the batch comes to after others. Rooms are locked in the order of their ids: one that is
// before those that the transaction holds is left to the next batch.
func (c *change) lockNext(roomID int64) (ok bool, err error) {
	if roomID < c.lockedRoom {
		c.full = true
		return false, nil
	}
	c.lockedRoom = roomID
	return true, c.lock(models.RoomPath{ID: roomID})
}

// dropRows deletes some of a table's rows that a condition holds for, which has one argument; key is what tells rows of
// the table apart. more says that there may be others.
func (c *change) dropRows(table, key, where string, arg any) (more bool, err error) {
	removed := c.Exec("DELETE FROM "+table+" WHERE ("+key+") IN (SELECT "+key+" FROM "+table+" WHERE "+where+" LIMIT ?)",
		arg, batchRows)
	return removed.RowsAffected > 0, removed.Error
}

// dropSessions removes some sessions, and their refresh tokens before them: of those one session may have thousands. Of a
// user who is gone, what may still come with one of them is kept in mind.
func (c *change) dropSessions(gone bool, where string, args ...any) (more bool, err error) {
	var ids, hashes []string
	err = c.Raw("SELECT id FROM sessions WHERE "+where+" LIMIT ?", append(slices.Clone(args), batchRows)...).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return false, err
	}
	if err := c.Raw("SELECT hash FROM refresh_tokens WHERE session_id IN ? LIMIT ?", ids, batchRows).Scan(&hashes).Error; err != nil {
		return true, err
	}
	if len(hashes) > 0 {
		if gone {
			err = c.spendRefresh(hashes)
		}
		if err == nil {
			err = c.Exec("DELETE FROM refresh_tokens WHERE hash IN ?", hashes).Error
		}
		return true, err
	}
	if gone {
		err = c.spendVouched(ids)
	}
	if err == nil {
		err = c.Exec("DELETE FROM sessions WHERE id IN ?", ids).Error
	}
	return true, err
}

// doomSome is doom for some of the files that a condition holds for.
func (c *change) doomSome(where string, args ...any) (more bool, err error) {
	var ids []string
	err = c.Raw("SELECT id FROM files WHERE "+where+" LIMIT ?", append(slices.Clone(args), batchRows)...).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return false, err
	}
	return true, c.doom("id IN ?", ids)
}

// dropSomeUploads is dropUploads for some of the uploads that a condition holds for.
func (c *change) dropSomeUploads(where string, arg any) (more bool, err error) {
	var ids []string
	err = c.Raw("SELECT id FROM uploads WHERE NOT gone AND "+where+" LIMIT ?", arg, batchRows).Scan(&ids).Error
	if err != nil || len(ids) == 0 {
		return false, err
	}
	return true, c.dropUploads("id IN ?", ids)
}

// endMemberships keeps stretches of membership that ended at a position, and removes the memberships. where is on rows of
// memberships.
func (c *change) endMemberships(position int64, where string, args ...any) error {
	const kept = "INSERT INTO past_memberships (room_id, user_id, joined_position, left_position) " +
		"SELECT room_id, user_id, joined_position, ? FROM memberships WHERE "
	if err := c.Exec(kept+where, append([]any{position}, args...)...).Error; err != nil {
		return err
	}
	return c.Exec("DELETE FROM memberships WHERE "+where, args...).Error
}
