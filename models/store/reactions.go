package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// nobody is a caller who has not reacted to anything.
const nobody = 0

// addReactionsTo fills in the reactions of messages, of whatever rooms, as the caller sees them, in one query.
func addReactionsTo(db *gorm.DB, callerID int64, messages []*models.Message) error {
	named := messagesNamed(messages)
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
	err := db.Raw(`SELECT n.room_id, n.message_id, n.emoji, n.count, EXISTS (SELECT 1 FROM reactions e
			WHERE e.room_id = n.room_id AND e.message_id = n.message_id AND e.emoji = n.emoji AND e.user_id = ?) AS mine
		FROM `+table+` CROSS JOIN reaction_counts n WHERE n.room_id = v.room_id AND n.message_id = v.id
		ORDER BY n.room_id, n.message_id, n.since, n.emoji`, append([]any{callerID}, args...)...).Scan(&rows).Error
	for _, r := range rows {
		for _, m := range named[messageName{r.RoomID, r.MessageID}] {
			m.Reactions = append(m.Reactions, models.Reaction{Emoji: r.Emoji, Count: r.Count, Me: &r.Mine})
		}
	}
	return err
}

// React adds the caller's reaction to a message. One that is there stays. A reaction is for the message's sender: none goes
// between two of whom one has blocked the other, in whatever room.
func (s *Store) React(ctx context.Context, callerID int64, path models.RoomPath, id int64, emoji string) (models.Message, models.Cursor, error) {
	var message models.Message
	at, err := s.change(ctx, func(c *change) error {
		a, row, err := c.lockMessage(asWriter, callerID, path, id)
		if err == nil && row.SenderID != callerID {
			err = c.refuseBlocked(callerID, row.SenderID)
		}
		if err != nil {
			return err
		}
		if row.DeletedAt != 0 {
			return models.NotFound()
		}
		if err := c.addReaction(a.Room, callerID, id, emoji); err != nil {
			return err
		}
		message, err = shownMessage(c.DB, callerID, row.model(a.Room))
		return err
	})
	return message, at, err
}

func (c *change) addReaction(room roomRow, callerID, id int64, emoji string) error {
	if err := c.respell(room.ID, id, emoji); err != nil {
		return err
	}
	now := models.Now().Millis()
	added := c.Exec(`INSERT INTO reactions (room_id, message_id, emoji, user_id, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (room_id, message_id, emoji, user_id) DO NOTHING`, room.ID, id, emoji, callerID, now)
	if added.Error != nil || added.RowsAffected == 0 {
		return added.Error
	}
	// A message carries its reactions wherever it goes, so nobody may load it with any number of them.
	var mine int64
	err := c.Raw("SELECT count(*) FROM reactions WHERE user_id = ? AND room_id = ? AND message_id = ?",
		callerID, room.ID, id).Scan(&mine).Error
	if err != nil {
		return err
	}
	if mine > models.MaxReactionsPerUser {
		return models.Invalid("emoji", "you have %d reactions to this message, which is as many as one user may have", mine-1)
	}
	if err := c.countReaction(room.ID, id, emoji, now); err != nil {
		return err
	}
	var different int64
	err = c.Raw("SELECT count(*) FROM reaction_counts WHERE room_id = ? AND message_id = ?", room.ID, id).Scan(&different).Error
	if err != nil {
		return err
	}
	if different > models.MaxEmojiPerMessage {
		return models.Invalid("emoji", "this message has %d different ones, which is as many as a message may have", different-1)
	}
	return c.tellReaction(models.EventReactionAdded, room, callerID, id, emoji)
}

// Unreact takes the caller's reaction to a message back. One that is not there stays away.
func (s *Store) Unreact(ctx context.Context, callerID int64, path models.RoomPath, id int64, emoji string) (models.Cursor, error) {
	return s.change(ctx, func(c *change) error {
		a, _, err := c.lockMessage(asWriter, callerID, path, id)
		if err != nil {
			return err
		}
		if err := c.respell(a.Room.ID, id, emoji); err != nil {
			return err
		}
		if shown, err := c.dropReaction(a.Room.ID, id, emoji, callerID); err != nil || !shown {
			return err
		}
		return c.tellReaction(models.EventReactionRemoved, a.Room, callerID, id, emoji)
	})
}

func (c *change) tellReaction(name models.EventName, room roomRow, callerID, id int64, emoji string) error {
	user, err := findUser(c.DB, models.UserPath{ID: callerID})
	if err != nil {
		return err
	}
	if err := c.touch(room.ID); err != nil {
		return err
	}
	count, err := c.countReactions(room.ID, id, emoji)
	if err != nil {
		return err
	}
	return c.tell(name, models.Audience{RoomID: room.ID},
		models.ReactionEvent{RoomID: room.ID, MessageID: id, User: user.model().Ref(), Emoji: emoji, Count: count})
}

// countReactions is how many users have reacted to a message with an emoji.
func (c *change) countReactions(roomID, id int64, emoji string) (count int64, err error) {
	err = c.Raw("SELECT count FROM reaction_counts WHERE room_id = ? AND message_id = ? AND emoji = ?", roomID, id, emoji).
		Scan(&count).Error
	return count, err
}
