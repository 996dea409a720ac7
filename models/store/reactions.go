package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// nobody is a caller who has not reacted to anything.
const nobody = 0

// addReactionsTo adds the reactions to messages, of any rooms, as the caller sees them, with one query.
func addReactionsTo(db *gorm.DB, callerID int64, messages []*models.Message) error {
	named := groupByKey(messages)
	if len(named) == 0 {
		return nil
	}
	table, args := named.table(db)
	var rows []struct {
		RoomID    int64
		MessageID int64
		Emoji     string
		Count     int64
		Mine      bool
	}
	err := database.Scan(db, &rows, `SELECT n.room_id, n.message_id, n.emoji, n.count, EXISTS (SELECT 1 FROM reactions e
			WHERE e.room_id = n.room_id AND e.message_id = n.message_id AND e.emoji = n.emoji AND e.user_id = ?) AS mine
		FROM `+table+` CROSS JOIN reaction_counts n WHERE n.room_id = v.room_id AND n.message_id = v.id
		ORDER BY n.room_id, n.message_id, n.since, n.emoji`, append([]any{callerID}, args...)...)
	for _, r := range rows {
		for _, m := range named[messageKey{r.RoomID, r.MessageID}] {
			m.Reactions = append(m.Reactions, models.Reaction{Emoji: r.Emoji, Count: r.Count, Me: &r.Mine})
		}
	}
	return err
}

// React adds the caller's reaction to a message. It does nothing if there is one. A reaction is for the message's
// sender: it is refused if one of the two has blocked the other, in any room.
func (s *Store) React(
	ctx context.Context, callerID int64, path models.RoomPath, id int64, emoji string,
) (models.Message, models.Cursor, error) {
	var message models.Message
	at, err := s.write(ctx, func(tx *transaction) error {
		a, row, err := tx.lockMessage(authorizeWriter, callerID, path, id)
		if err == nil && row.SenderID != callerID {
			err = tx.refuseBlocked(callerID, row.SenderID)
		}
		if err != nil {
			return err
		}
		if row.DeletedAt != 0 {
			return models.NotFound()
		}
		if err := tx.addReaction(a.Room, callerID, id, emoji); err != nil {
			return err
		}
		message, err = fillMessage(tx.DB, callerID, row.model(a.Room))
		return err
	})
	return message, at, err
}

func (tx *transaction) addReaction(room roomRow, callerID, id int64, emoji string) error {
	if err := tx.normalizeReactions(room.ID, id, emoji); err != nil {
		return err
	}
	now := models.Now().Millis()
	added, err := database.ExecRows(tx.DB,
		`INSERT INTO reactions (room_id, message_id, emoji, user_id, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (room_id, message_id, emoji, user_id) DO NOTHING`, room.ID, id, emoji, callerID, now)
	if err != nil || added == 0 {
		return err
	}
	// A message always carries its reactions, so their number must be limited.
	var mine int64
	err = database.Scan(tx.DB, &mine,
		"SELECT count(*) FROM reactions WHERE user_id = ? AND room_id = ? AND message_id = ?",
		callerID, room.ID, id)
	if err != nil {
		return err
	}
	if mine > models.MaxReactionsPerUser {
		return models.Invalid("emoji", "you have %d reactions to this message, which is as many as one user may have", mine-1)
	}
	if err := tx.countReaction(room.ID, id, emoji, now); err != nil {
		return err
	}
	var different int64
	err = database.Scan(tx.DB, &different,
		"SELECT count(*) FROM reaction_counts WHERE room_id = ? AND message_id = ?", room.ID, id)
	if err != nil {
		return err
	}
	if different > models.MaxEmojiPerMessage {
		return models.Invalid("emoji", "this message has %d different ones, which is as many as a message may have",
			different-1)
	}
	return tx.appendReactionEvent(models.EventReactionAdded, room, callerID, id, emoji)
}

// Unreact removes the caller's reaction to a message. It does nothing if there is none.
func (s *Store) Unreact(
	ctx context.Context, callerID int64, path models.RoomPath, id int64, emoji string,
) (models.Cursor, error) {
	return s.write(ctx, func(tx *transaction) error {
		a, _, err := tx.lockMessage(authorizeWriter, callerID, path, id)
		if err != nil && a.Room.ID != 0 {
			return unlessNotFound(err) // the message has no reactions any more
		}
		if err != nil {
			return err
		}
		if err := tx.normalizeReactions(a.Room.ID, id, emoji); err != nil {
			return err
		}
		if shown, err := tx.dropReaction(a.Room.ID, id, emoji, callerID); err != nil || !shown {
			return err
		}
		return tx.appendReactionEvent(models.EventReactionRemoved, a.Room, callerID, id, emoji)
	})
}

func (tx *transaction) appendReactionEvent(
	name models.EventName, room roomRow, callerID, id int64, emoji string,
) error {
	user, err := findUser(tx.DB, models.UserPath{ID: callerID})
	if err != nil {
		return err
	}
	if err := tx.touch(room.ID); err != nil {
		return err
	}
	count, err := tx.countReactions(room.ID, id, emoji)
	if err != nil {
		return err
	}
	return tx.appendEvent(name, models.Audience{RoomID: room.ID},
		models.ReactionEvent{RoomID: room.ID, MessageID: id, User: user.model().Ref(), Emoji: emoji, Count: count})
}

// countReactions returns how many users have reacted to a message with an emoji.
func (tx *transaction) countReactions(roomID, id int64, emoji string) (count int64, err error) {
	err = database.Scan(tx.DB, &count,
		"SELECT count FROM reaction_counts WHERE room_id = ? AND message_id = ? AND emoji = ?", roomID, id,
		emoji)
	return count, err
}

// A message may have as many reactions as there are users, but few different ones: reaction_counts has the number of
// each. So neither a page nor an edit, which carry the message, nor the deletion of the message takes longer for more
// of them.

// reactionsAtOnce bounds the reactions that are deleted in the transaction that deletes their messages. The janitor
// deletes the others.
const reactionsAtOnce = 200

// countReaction counts a reaction that was added.
func (tx *transaction) countReaction(roomID, id int64, emoji string, now int64) error {
	return database.Exec(tx.DB,
		`INSERT INTO reaction_counts (room_id, message_id, emoji, count, since) VALUES (?, ?, ?, 1, ?)
		ON CONFLICT (room_id, message_id, emoji) DO UPDATE SET count = reaction_counts.count + 1`, roomID, id, emoji, now)
}

// dropReaction removes a user's reaction. shown is false if nobody could see it: there was none, or its message is
// deleted.
func (tx *transaction) dropReaction(roomID, id int64, emoji string, userID int64) (shown bool, err error) {
	removed, err := database.ExecRows(tx.DB,
		"DELETE FROM reactions WHERE room_id = ? AND message_id = ? AND emoji = ? AND user_id = ?",
		roomID, id, emoji, userID)
	if err != nil || removed == 0 {
		return false, err
	}
	counted, err := database.ExecRows(tx.DB,
		"UPDATE reaction_counts SET count = count - 1 WHERE room_id = ? AND message_id = ? AND emoji = ?",
		roomID, id, emoji)
	if err != nil || counted == 0 {
		return false, err
	}
	return true, database.Exec(tx.DB,
		"DELETE FROM reaction_counts WHERE room_id = ? AND message_id = ? AND emoji = ? AND count = 0",
		roomID, id, emoji)
}

// dropReactions removes the reactions to messages that are being deleted, as far as they are visible.
func (tx *transaction) dropReactions(roomID int64, ids []int64) error {
	if err := database.Exec(tx.DB,
		"DELETE FROM reaction_counts WHERE room_id = ? AND message_id IN ?", roomID, ids); err != nil {
		return err
	}
	removed, err := database.ExecRows(tx.DB, `DELETE FROM reactions WHERE room_id = ? AND (message_id, emoji, user_id) IN (
		SELECT message_id, emoji, user_id FROM reactions WHERE room_id = ? AND message_id IN ? LIMIT ?)`,
		roomID, roomID, ids, reactionsAtOnce)
	if err != nil || removed < reactionsAtOnce {
		return err
	}
	tx.wakesJanitor = true
	return database.Exec(tx.DB, `INSERT INTO reaction_sweeps (room_id, message_id) SELECT m.room_id, m.id FROM messages m
		WHERE m.room_id = ? AND m.id IN ? AND EXISTS (SELECT 1 FROM reactions e WHERE e.room_id = m.room_id AND e.message_id
		= m.id)
		ON CONFLICT (room_id, message_id) DO NOTHING`, roomID, ids)
}

// normalizeReactions gives a message's reactions with an emoji the spelling that models.ParseEmoji has for it. Rows of
// older servers, which stored any spelling, may have others of the same emoji: a user who has reacted with two counts
// once.
func (tx *transaction) normalizeReactions(roomID, id int64, emoji string) error {
	var there []string
	err := database.Scan(tx.DB, &there,
		"SELECT emoji FROM reaction_counts WHERE room_id = ? AND message_id = ?", roomID, id)
	if err != nil {
		return err
	}
	for _, other := range there {
		if other == emoji {
			continue
		}
		if same, ok := models.ParseEmoji(other); ok && same == emoji {
			if err := tx.mergeReactions(roomID, id, other, emoji); err != nil {
				return err
			}
		}
	}
	return nil
}

// mergeReactions turns a message's reactions with one emoji into reactions with another.
func (tx *transaction) mergeReactions(roomID, id int64, from, to string) error {
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
		if err := database.Exec(tx.DB, statement.sql, statement.args...); err != nil {
			return err
		}
	}
	return nil
}

// purgeReactions deletes some of the reactions to messages that had very many when they were deleted.
func (s *Store) purgeReactions(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (more bool, err error) {
		var pending struct{ RoomID, MessageID int64 }
		found, err := database.Find(tx.DB, &pending,
			"SELECT room_id, message_id FROM reaction_sweeps ORDER BY room_id, message_id LIMIT 1"+
				tx.store.dialect.SkipLocked())
		if err != nil || !found {
			return false, err
		}
		removed, err := database.ExecRows(tx.DB,
			`DELETE FROM reactions WHERE room_id = ? AND message_id = ? AND (emoji, user_id) IN (
			SELECT emoji, user_id FROM reactions WHERE room_id = ? AND message_id = ? LIMIT ?)`,
			pending.RoomID, pending.MessageID, pending.RoomID, pending.MessageID, batchRows)
		if err != nil || removed > 0 {
			return true, err
		}
		return true, database.Exec(tx.DB, "DELETE FROM reaction_sweeps WHERE room_id = ? AND message_id = ?", pending.RoomID,
			pending.MessageID)
	})
}
