package store

import (
	"context"

	"github.com/parley-chat/parley/models"
)

// silence is what a user gets no notifications of: a room or a sender, the other id being 0.
type silence struct{ userID, roomID, senderID int64 }

// silence tells an event, from which on the user gets no notifications of what q names.
func (c *change) silence(name models.EventName, to models.Audience, data any, q silence) error {
	if err := c.tell(name, to, data); err != nil {
		return err
	}
	c.whenPlaced(func(position int64) error {
		return c.Exec("INSERT INTO silences (user_id, room_id, sender_id, from_position) VALUES (?, ?, ?, ?)",
			q.userID, q.roomID, q.senderID, position).Error
	})
	return nil
}

// unsilence tells an event, from which on the user gets notifications again.
func (c *change) unsilence(name models.EventName, to models.Audience, data any, q silence) error {
	if err := c.tell(name, to, data); err != nil {
		return err
	}
	c.endSilence(q)
	return nil
}

// endSilence ends a silence, where there is one, at the event told last.
func (c *change) endSilence(q silence) {
	c.whenPlaced(func(position int64) error {
		return c.Exec(`UPDATE silences SET to_position = ?
			WHERE user_id = ? AND room_id = ? AND sender_id = ? AND to_position = 0`,
			position, q.userID, q.roomID, q.senderID).Error
	})
}

// Mute sets whether the caller gets notifications of a room. The caller's streams, and nobody else's, are told.
func (s *Store) Mute(ctx context.Context, callerID int64, path models.RoomPath, m models.MembershipChange) (models.Membership, models.Cursor, error) {
	var membership models.Membership
	at, err := s.change(ctx, func(c *change) error {
		if err := c.lock(path); err != nil {
			return err
		}
		a, err := asMember(c.DB, path, callerID)
		if err != nil {
			return err
		}
		membership = a.membership()
		if m.Muted == nil || *m.Muted == a.Muted {
			return nil
		}
		membership.Muted = *m.Muted
		err = c.Exec("UPDATE memberships SET muted = ? WHERE room_id = ? AND user_id = ?",
			*m.Muted, a.Room.ID, callerID).Error
		if err != nil {
			return err
		}
		return c.tellMute(a, *m.Muted)
	})
	return membership, at, err
}

func (c *change) tellMute(a access, muted bool) error {
	user, err := findUser(c.DB, models.UserPath{ID: a.CallerID})
	if err != nil {
		return err
	}
	to, q := models.Audience{UserID: a.CallerID}, silence{userID: a.CallerID, roomID: a.Room.ID}
	event := models.MemberEvent{
		RoomID: a.Room.ID, Subject: a.Room.Subject, User: user.model().Ref(), Role: models.Role(a.Role), Muted: &muted,
	}
	if muted {
		return c.silence(models.EventMemberUpdated, to, event, q)
	}
	return c.unsilence(models.EventMemberUpdated, to, event, q)
}
