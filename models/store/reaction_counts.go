package store

// A message may have as many reactions as there are users, but few different ones: reaction_counts says how many of each. So
// neither a page nor an edit, which carry the message, nor the end of the message takes longer for more of them.

// reactionsAtOnce bounds the reactions that go in the transaction that deletes their messages. Others are the janitor's.
const reactionsAtOnce = 200

// countReaction counts a reaction that was added.
func (c *change) countReaction(roomID, id int64, emoji string, now int64) error {
	return c.Exec(`INSERT INTO reaction_counts (room_id, message_id, emoji, count, since) VALUES (?, ?, ?, 1, ?)
		ON CONFLICT (room_id, message_id, emoji) DO UPDATE SET count = reaction_counts.count + 1`, roomID, id, emoji, now).Error
}

// dropReaction removes a user's reaction. shown is false if nobody could see it: there was none, or its message is deleted.
func (c *change) dropReaction(roomID, id int64, emoji string, userID int64) (shown bool, err error) {
	removed := c.Exec("DELETE FROM reactions WHERE room_id = ? AND message_id = ? AND emoji = ? AND user_id = ?",
		roomID, id, emoji, userID)
	if removed.Error != nil || removed.RowsAffected == 0 {
		return false, removed.Error
	}
	counted := c.Exec("UPDATE reaction_counts SET count = count - 1 WHERE room_id = ? AND message_id = ? AND emoji = ?",
		roomID, id, emoji)
	if counted.Error != nil || counted.RowsAffected == 0 {
		return false, counted.Error
	}
	return true, c.Exec("DELETE FROM reaction_counts WHERE room_id = ? AND message_id = ? AND emoji = ? AND count = 0",
		roomID, id, emoji).Error
}

// dropReactions removes the reactions to messages that are being deleted, as far as anybody sees.
func (c *change) dropReactions(roomID int64, ids []int64) error {
	if err := c.Exec("DELETE FROM reaction_counts WHERE room_id = ? AND message_id IN ?", roomID, ids).Error; err != nil {
		return err
	}
	removed := c.Exec(`DELETE FROM reactions WHERE room_id = ? AND (message_id, emoji, user_id) IN (
		SELECT message_id, emoji, user_id FROM reactions WHERE room_id = ? AND message_id IN ? LIMIT ?)`,
		roomID, roomID, ids, reactionsAtOnce)
	if removed.Error != nil || removed.RowsAffected < reactionsAtOnce {
		return removed.Error
	}
	c.purges = true
	return c.Exec(`INSERT INTO reaction_sweeps (room_id, message_id) SELECT m.room_id, m.id FROM messages m
		WHERE m.room_id = ? AND m.id IN ? AND EXISTS (SELECT 1 FROM reactions e WHERE e.room_id = m.room_id AND e.message_id = m.id)
		ON CONFLICT (room_id, message_id) DO NOTHING`, roomID, ids).Error
}
