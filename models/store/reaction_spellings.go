package store

import "github.com/parley-chat/parley/models"

// respell gives a message's reactions with an emoji the spelling that models.ParseEmoji has for it. Rows of servers that
// stored whatever spelling came may have others, which are the same emoji: whoever has reacted in two ways counts once.
func (c *change) respell(roomID, id int64, emoji string) error {
	var there []string
	err := c.Raw("SELECT emoji FROM reaction_counts WHERE room_id = ? AND message_id = ?", roomID, id).Scan(&there).Error
	if err != nil {
		return err
	}
	for _, other := range there {
		if other == emoji {
			continue
		}
		if same, ok := models.ParseEmoji(other); ok && same == emoji {
			if err := c.mergeReactions(roomID, id, other, emoji); err != nil {
				return err
			}
		}
	}
	return nil
}

// mergeReactions makes reactions with one emoji of a message's reactions with another.
func (c *change) mergeReactions(roomID, id int64, from, to string) error {
	for _, statement := range []struct {
		sql  string
		args []any
	}{
		{`INSERT INTO reactions (room_id, message_id, emoji, user_id, created_at)
			SELECT room_id, message_id, CAST(? AS TEXT), user_id, created_at FROM reactions
			WHERE room_id = ? AND message_id = ? AND emoji = ? ON CONFLICT (room_id, message_id, emoji, user_id) DO NOTHING`,
			[]any{to, roomID, id, from}},
		{"DELETE FROM reactions WHERE room_id = ? AND message_id = ? AND emoji = ?", []any{roomID, id, from}},
		{`INSERT INTO reaction_counts (room_id, message_id, emoji, count, since)
			SELECT room_id, message_id, CAST(? AS TEXT), count, since FROM reaction_counts
			WHERE room_id = ? AND message_id = ? AND emoji = ? ON CONFLICT (room_id, message_id, emoji) DO NOTHING`,
			[]any{to, roomID, id, from}},
		{"DELETE FROM reaction_counts WHERE room_id = ? AND message_id = ? AND emoji = ?", []any{roomID, id, from}},
		{`UPDATE reaction_counts SET count = (SELECT count(*) FROM reactions e WHERE e.room_id = reaction_counts.room_id
			AND e.message_id = reaction_counts.message_id AND e.emoji = reaction_counts.emoji)
			WHERE room_id = ? AND message_id = ? AND emoji = ?`, []any{roomID, id, to}},
	} {
		if err := c.Exec(statement.sql, statement.args...).Error; err != nil {
			return err
		}
	}
	return nil
}
