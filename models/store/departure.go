package store

import (
	"context"
	"errors"
	"slices"

	"github.com/parley-chat/parley/models"
)

// departureBite bounds the messages or reactions that one transaction takes from a room after their user has gone.
const departureBite = 200

// errMoved tells that a user came into a room while their account was being deleted.
var errMoved = errors.New("the user joined another room meanwhile")

// departureRow is somebody who has gone, but whose messages are not all tombstones yet.
type departureRow struct {
	UserID      int64
	Username    string
	DisplayName string
}

func (d departureRow) ref() models.UserRef {
	return models.UserRef{ID: d.UserID, Username: d.Username, DisplayName: d.DisplayName}
}

// DeleteAccount ends the user's sessions and memberships and removes the user, in one transaction, and then turns what
// they wrote into tombstones, in bites: nobody waits behind a hundred thousand messages. Should this process end before
// the last bite, the janitor goes on.
func (s *Store) DeleteAccount(ctx context.Context, userID int64) error {
	if err := s.depart(ctx, userID, func(userRow) bool { return true }); err != nil {
		return err
	}
	for {
		more, err := s.finishDeparture(ctx, userID)
		if err != nil || !more {
			return err
		}
	}
}

// depart removes the user if it is still to go once its row is locked.
func (s *Store) depart(ctx context.Context, userID int64, still func(userRow) bool) error {
	err := errMoved
	for try := 0; try < changeTries && errors.Is(err, errMoved); try++ {
		_, err = s.change(ctx, func(c *change) error {
			rooms, err := c.lockRoomsOf(userID)
			if err != nil {
				return err
			}
			user, err := c.lockUser(userID)
			if err != nil || !still(user) {
				return err
			}
			return c.depart(user, rooms)
		})
	}
	return err
}

// lockRoomsOf locks all rooms that the user is in, in the order of their ids.
func (c *change) lockRoomsOf(userID int64) ([]roomRow, error) {
	var rooms []roomRow
	err := c.Raw("SELECT "+wholeRoom+" FROM rooms r WHERE id IN (SELECT room_id FROM memberships WHERE user_id = ?) ORDER BY id"+
		c.store.dialect.forUpdate(), userID).Scan(&rooms).Error
	return rooms, err
}

func (c *change) depart(user userRow, rooms []roomRow) error {
	if err := c.tell(models.EventAccountDeleted, models.Audience{UserID: user.ID}, nil); err != nil {
		return err
	}
	if err := c.revokeAll(user.ID, "", models.RevokedByEnd); err != nil {
		return err
	}
	if err := c.spendTokens(user.ID); err != nil {
		return err
	}
	// From here on nobody can make the user a member of a further room: that takes the row which is locked.
	var in []int64
	err := c.Raw("SELECT room_id FROM memberships WHERE user_id = ? ORDER BY room_id", user.ID).Scan(&in).Error
	if err != nil {
		return err
	}
	for _, id := range in {
		at := slices.IndexFunc(rooms, func(r roomRow) bool { return r.ID == id })
		if at < 0 {
			return errMoved
		}
		leaver, _, err := c.member(id, user.ID)
		if err != nil {
			return err
		}
		if err := c.endMembership(rooms[at], leaver); err != nil {
			return err
		}
	}
	err = c.Exec("INSERT INTO departures (user_id, username, display_name) VALUES (?, ?, ?)",
		user.ID, user.Username, user.DisplayName).Error
	if err != nil {
		return err
	}
	if err := c.doom("user_id = ? AND message_id = 0", user.ID); err != nil {
		return err
	}
	if err := c.dropUploads("user_id = ?", user.ID); err != nil {
		return err
	}
	// After the memberships, which end when their events are placed.
	c.whenPlaced(func(int64) error { return c.Delete(&userRow{}, user.ID).Error })
	return nil
}

// finishDeparture takes one bite of what the user left behind.
func (s *Store) finishDeparture(ctx context.Context, userID int64) (more bool, err error) {
	_, err = s.change(ctx, func(c *change) error {
		var gone departureRow
		found := c.Raw("SELECT "+departureColumns+" FROM departures WHERE user_id = ?", userID).Scan(&gone)
		if found.Error != nil || found.RowsAffected == 0 {
			more = false
			return found.Error
		}
		if more, err = c.withdrawReactions(gone); err != nil || more {
			return err
		}
		if more, err = c.buryMessagesOf(gone); err != nil || more {
			return err
		}
		return c.Exec("DELETE FROM departures WHERE user_id = ?", userID).Error
	})
	return more, err
}

// finishDepartures is the janitor's bite of departures that were interrupted.
func (s *Store) finishDepartures(ctx context.Context) (more bool, err error) {
	var userID int64
	found := s.read(ctx).Raw("SELECT user_id FROM departures ORDER BY user_id LIMIT 1").Scan(&userID)
	if found.Error != nil || found.RowsAffected == 0 {
		return false, found.Error
	}
	_, err = s.finishDeparture(ctx, userID)
	return true, err
}

// withdrawReactions removes reactions of who has gone from one room; more says that there were any.
func (c *change) withdrawReactions(gone departureRow) (more bool, err error) {
	var roomID int64
	found := c.Raw("SELECT room_id FROM reactions WHERE user_id = ? ORDER BY room_id LIMIT 1", gone.UserID).Scan(&roomID)
	if found.Error != nil || found.RowsAffected == 0 {
		return false, found.Error
	}
	if err := c.lock(models.RoomPath{ID: roomID}); err != nil {
		return true, err
	}
	var rows []struct {
		MessageID int64
		Emoji     string
	}
	err = c.Raw("SELECT message_id, emoji FROM reactions WHERE user_id = ? AND room_id = ? ORDER BY message_id, emoji LIMIT ?",
		gone.UserID, roomID, departureBite).Scan(&rows).Error
	for _, r := range rows {
		if err == nil {
			err = c.Exec("DELETE FROM reactions WHERE room_id = ? AND message_id = ? AND emoji = ? AND user_id = ?",
				roomID, r.MessageID, r.Emoji, gone.UserID).Error
		}
		var count int64
		if err == nil {
			count, err = c.countReactions(roomID, r.MessageID, r.Emoji)
		}
		if err == nil {
			err = c.tell(models.EventReactionRemoved, models.Audience{RoomID: roomID},
				models.ReactionEvent{RoomID: roomID, MessageID: r.MessageID, User: gone.ref(), Emoji: r.Emoji, Count: count})
		}
	}
	return true, err
}

// buryMessagesOf turns messages of who has gone, in one room, into tombstones; more says that there were any.
func (c *change) buryMessagesOf(gone departureRow) (more bool, err error) {
	var roomID int64
	found := c.Raw("SELECT room_id FROM messages WHERE sender_id = ? AND deleted_at = 0 ORDER BY room_id LIMIT 1",
		gone.UserID).Scan(&roomID)
	if found.Error != nil || found.RowsAffected == 0 {
		return false, found.Error
	}
	if err := c.lock(models.RoomPath{ID: roomID}); err != nil {
		return true, err
	}
	var room roomRow
	found = c.Raw("SELECT "+wholeRoom+" FROM rooms r WHERE id = ?", roomID).Scan(&room)
	if found.Error != nil {
		return true, found.Error
	}
	var ids []int64
	err = c.Raw("SELECT id FROM messages WHERE sender_id = ? AND room_id = ? AND deleted_at = 0 ORDER BY id LIMIT ?",
		gone.UserID, roomID, departureBite).Scan(&ids).Error
	if err != nil {
		return true, err
	}
	// Those of a room that is gone, or that were cleared away, only wait for the janitor: nobody counts them.
	swept := len(ids)
	if found.RowsAffected > 0 {
		swept, _ = slices.BinarySearch(ids, room.ClearedID+1)
	}
	if swept > 0 {
		if err := c.blank(roomID, ids[:swept]); err != nil {
			return true, err
		}
	}
	if swept == len(ids) {
		return true, nil
	}
	return true, c.bury(roomID, gone.UserID, ids[swept:], gone.ref())
}
