package store

import (
	"context"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// mute is what a user gets no notifications of: a room or a sender, the other id being 0. Its table, silences, has an
// old name: to rename it would be one more migration, and would change nothing else.
type mute struct{ userID, roomID, senderID int64 }

// startMute appends an event from which on the user gets no notifications of what q names.
func (tx *transaction) startMute(name models.EventName, to models.Audience, data any, q mute) error {
	if err := tx.appendEvent(name, to, data); err != nil {
		return err
	}
	tx.onPosition(func(position int64) error {
		return database.Exec(tx.DB, "INSERT INTO silences (user_id, room_id, sender_id, from_position) VALUES (?, ?, ?, ?)",
			q.userID, q.roomID, q.senderID, position)
	})
	return nil
}

// stopMute appends an event from which on the user gets notifications again.
func (tx *transaction) stopMute(name models.EventName, to models.Audience, data any, q mute) error {
	if err := tx.appendEvent(name, to, data); err != nil {
		return err
	}
	tx.endMute(q)
	return nil
}

// endMute ends a mute, where there is one, at the event that was appended last.
func (tx *transaction) endMute(q mute) {
	tx.onPosition(func(position int64) error {
		return database.Exec(tx.DB, `UPDATE silences SET to_position = ?
			WHERE user_id = ? AND room_id = ? AND sender_id = ? AND to_position = 0`,
			position, q.userID, q.roomID, q.senderID)
	})
}

// Mute sets whether the caller gets notifications of a room. Only the caller's streams get the event.
func (s *Store) Mute(
	ctx context.Context, callerID int64, path models.RoomPath, m models.MembershipChange,
) (models.Membership, models.Cursor, error) {
	var membership models.Membership
	at, err := s.write(ctx, func(tx *transaction) error {
		if err := tx.lockRoom(path); err != nil {
			return err
		}
		a, err := authorizeMember(tx.DB, path, callerID)
		if err != nil {
			return err
		}
		membership = a.membership()
		if m.Muted == nil || *m.Muted == a.Muted {
			return nil
		}
		membership.Muted = *m.Muted
		err = database.Exec(tx.DB, "UPDATE memberships SET muted = ? WHERE room_id = ? AND user_id = ?",
			*m.Muted, a.Room.ID, callerID)
		if err != nil {
			return err
		}
		return tx.appendMuteEvent(a, *m.Muted)
	})
	return membership, at, err
}

func (tx *transaction) appendMuteEvent(a access, muted bool) error {
	user, err := findUser(tx.DB, models.UserPath{ID: a.CallerID})
	if err != nil {
		return err
	}
	to, q := models.Audience{UserID: a.CallerID}, mute{userID: a.CallerID, roomID: a.Room.ID}
	event := models.MemberEvent{
		RoomID: a.Room.ID, Subject: a.Room.Subject, User: user.model().Ref(), Role: models.Role(a.Role), Muted: &muted,
	}
	if muted {
		return tx.startMute(models.EventMemberUpdated, to, event, q)
	}
	return tx.stopMute(models.EventMemberUpdated, to, event, q)
}
