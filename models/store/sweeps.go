package store

import "context"

// sweepMessages purges some of the messages that nobody can see any more, and what they had.
func (s *Store) sweepMessages(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(c *change) (more bool, err error) {
		var sweep struct{ RoomID, UpToID int64 }
		found := c.Raw("SELECT room_id, up_to_id FROM message_sweeps ORDER BY room_id LIMIT 1" + c.store.dialect.skipLocked()).Scan(&sweep)
		if found.Error != nil || found.RowsAffected == 0 {
			return false, found.Error
		}
		more, err = c.doomSome("room_id = ? AND message_id BETWEEN 1 AND ?", sweep.RoomID, sweep.UpToID)
		if err != nil || more {
			return more, err
		}
		for _, statement := range sweepStatements {
			removed := c.Exec(statement, sweep.RoomID, sweep.RoomID, sweep.UpToID, batchRows)
			if removed.Error != nil || removed.RowsAffected > 0 {
				return true, removed.Error
			}
		}
		return true, c.Exec("DELETE FROM message_sweeps WHERE room_id = ? AND up_to_id = ?", sweep.RoomID, sweep.UpToID).Error
	})
}

// sweepStatements remove some of the rows of a room's messages up to an id. Tallies of runs of ids that reach beyond it go
// too: what is counted after a later id counts no run that this id is in.
var sweepStatements = []string{
	`DELETE FROM pins WHERE room_id = ? AND message_id IN (
		SELECT message_id FROM pins WHERE room_id = ? AND message_id <= ? ORDER BY message_id LIMIT ?)`,
	`DELETE FROM reaction_counts WHERE room_id = ? AND (message_id, emoji) IN (
		SELECT message_id, emoji FROM reaction_counts WHERE room_id = ? AND message_id <= ? LIMIT ?)`,
	`DELETE FROM reactions WHERE room_id = ? AND (message_id, emoji, user_id) IN (
		SELECT message_id, emoji, user_id FROM reactions WHERE room_id = ? AND message_id <= ? LIMIT ?)`,
	`DELETE FROM deletion_tallies WHERE room_id = ? AND level = 0 AND (sender_id, chunk) IN (
		SELECT sender_id, chunk FROM deletion_tallies WHERE room_id = ? AND level = 0 AND chunk <= (CAST(? AS BIGINT) >> 8) LIMIT ?)`,
	`DELETE FROM deletion_tallies WHERE room_id = ? AND level = 1 AND (sender_id, chunk) IN (
		SELECT sender_id, chunk FROM deletion_tallies WHERE room_id = ? AND level = 1 AND chunk <= (CAST(? AS BIGINT) >> 16) LIMIT ?)`,
	`DELETE FROM messages WHERE room_id = ? AND id IN (
		SELECT id FROM messages WHERE room_id = ? AND id <= ? ORDER BY id LIMIT ?)`,
}

// sweepReactions purges some of the reactions to messages that were deleted when they had very many.
func (s *Store) sweepReactions(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(c *change) (more bool, err error) {
		var sweep struct{ RoomID, MessageID int64 }
		found := c.Raw("SELECT room_id, message_id FROM reaction_sweeps ORDER BY room_id, message_id LIMIT 1" +
			c.store.dialect.skipLocked()).Scan(&sweep)
		if found.Error != nil || found.RowsAffected == 0 {
			return false, found.Error
		}
		removed := c.Exec(`DELETE FROM reactions WHERE room_id = ? AND message_id = ? AND (emoji, user_id) IN (
			SELECT emoji, user_id FROM reactions WHERE room_id = ? AND message_id = ? LIMIT ?)`,
			sweep.RoomID, sweep.MessageID, sweep.RoomID, sweep.MessageID, batchRows)
		if removed.Error != nil || removed.RowsAffected > 0 {
			return true, removed.Error
		}
		return true, c.Exec("DELETE FROM reaction_sweeps WHERE room_id = ? AND message_id = ?", sweep.RoomID, sweep.MessageID).Error
	})
}
