package store

import "github.com/parley-chat/parley/models"

// What one user or one room may have is bounded, so that nothing that is read or changed at one go grows without end. Each
// bound is looked at behind the row that may be one too many, which takes the row back. Rows that are added at the same
// moment on several nodes may be a few more.

// exceeds reports whether a condition holds for more rows than most. It counts no further.
func (c *change) exceeds(most int, table, where string, args ...any) (bool, error) {
	var n int
	err := c.Raw("SELECT count(*) FROM (SELECT 1 FROM "+table+" WHERE "+where+" LIMIT ?) AS counted", append(args, most+1)...).Scan(&n).Error
	return n > most, err
}

// refuseBeyond is an error with a message, which names the bound, when a condition holds for more rows than most.
func (c *change) refuseBeyond(most int, message, table, where string, args ...any) error {
	beyond, err := c.exceeds(most, table, where, args...)
	if err == nil && beyond {
		err = models.Errorf(models.CodeForbidden, message, most)
	}
	return err
}

// boundRooms is an error for a user who is in more rooms than one may be in. Rooms that were deleted do not count, which is
// only looked at where it matters.
func (c *change) boundRooms(userID int64) error {
	beyond, err := c.exceeds(models.MaxRoomsPerUser, "memberships", "user_id = ?", userID)
	if err != nil || !beyond {
		return err
	}
	return c.refuseBeyond(models.MaxRoomsPerUser, "A user may be in %d rooms, and this one is; a room has to be left first.",
		"memberships m JOIN "+liveRooms+" r ON r.id = m.room_id", "m.user_id = ?", userID)
}

// boundContacts is an error for a user with more contacts than one may have.
func (c *change) boundContacts(userID int64) error {
	return c.refuseBeyond(models.MaxContactsPerUser, "You have %d contacts, which is as many as one may have.",
		"contacts", "user_id = ?", userID)
}

// boundBlocks is an error for a user who has blocked more users than one may.
func (c *change) boundBlocks(userID int64) error {
	return c.refuseBeyond(models.MaxBlocksPerUser, "You have blocked %d users, which is as many as one may.",
		"blocks", "user_id = ?", userID)
}

// boundIdentities is an error for a user who has linked more identities than one may.
func (c *change) boundIdentities(userID int64) error {
	return c.refuseBeyond(models.MaxIdentitiesPerUser, "Your account has %d identities, which is as many as one may have.",
		"identities", "user_id = ?", userID)
}

// boundPins is an error for a room with more pins than one may have.
func (c *change) boundPins(roomID int64) error {
	return c.refuseBeyond(models.MaxPinsPerRoom, "This room has %d pins, which is as many as a room may have.", "pins", "room_id = ?", roomID)
}

// spentInvites is how many invites of a room that do not work any more are kept, to say so to who comes with one.
const spentInvites = 9 * models.MaxInvitesPerRoom

// boundInvites is an error for a room with more invites that work than one may have. Of those that do not, the oldest go
// when they are very many.
func (c *change) boundInvites(room roomRow) error {
	many, err := c.exceeds(models.MaxInvitesPerRoom+spentInvites, "invites", "room_id = ?", room.ID)
	if err != nil {
		return err
	}
	now := models.Now().Millis()
	if many {
		err := c.Exec("DELETE FROM invites WHERE code IN (SELECT code FROM invites WHERE room_id = ? AND NOT ("+usableInvite+
			") ORDER BY created_at, code LIMIT ?)", room.ID, now, room.OwnerID, batchRows).Error
		if err != nil {
			return err
		}
	}
	return c.refuseBeyond(models.MaxInvitesPerRoom, "This room has %d invites that work, which is as many as a room may have.",
		"invites", "room_id = ? AND "+usableInvite, room.ID, now, room.OwnerID)
}

// boundSessions ends the oldest of a user's sessions when newest is one more than one may have; not all of them at once,
// where a database from before this bound has very many.
func (c *change) boundSessions(userID int64, newest string) error {
	var rows []sessionRow
	err := c.Raw("SELECT "+sessionColumns+` FROM sessions s WHERE user_id = ? AND revoked_at = 0 AND id <> ?
		ORDER BY created_at DESC, id DESC LIMIT ? OFFSET ?`, userID, newest, models.MaxSessionsPerUser, models.MaxSessionsPerUser-1).
		Scan(&rows).Error
	for _, r := range rows {
		if err == nil {
			err = revoke(c, r, models.RevokedByLimit)
		}
	}
	return err
}
