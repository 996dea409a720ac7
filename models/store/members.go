package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// addMember makes a user a member; the event that was appended last is the first that they see. Earlier messages count
// as read.
func (tx *transaction) addMember(row roomRow, userID int64, role models.Role) error {
	now := models.Now().Millis()
	sent, err := tx.sentBefore(row.ID, userID)
	if err != nil {
		return err
	}
	added, err := database.ExecRows(tx.DB, `INSERT INTO memberships
		(room_id, user_id, role, joined_at, joined_position, last_read_id, own_after, sent_count, muted)
		VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?) ON CONFLICT (room_id, user_id) DO NOTHING`,
		row.ID, userID, role, now, row.LastMessageID, row.LastMessageID, sent, false)
	if err != nil {
		return err
	}
	// After the insert: the deletion of the account either waits for this transaction, or came first and is found here.
	if _, err := findUser(tx.DB, models.UserPath{ID: userID}); err != nil {
		return err
	}
	if added == 0 { // a deleted user may still have a row, but nobody else
		return gorm.ErrDuplicatedKey
	}
	if err := tx.limitRooms(userID); err != nil {
		return err
	}
	tx.onPosition(func(position int64) error {
		return database.Exec(tx.DB,
			"UPDATE memberships SET joined_position = ?, rights_position = ? WHERE room_id = ? AND user_id = ?",
			position, position, row.ID, userID)
	})
	return nil
}

// addMemberAndNotify is addMember for an existing room: the members and the user get an event. In a room without an
// owner the new member becomes the owner.
func (tx *transaction) addMemberAndNotify(row roomRow, user models.User, role models.Role) error {
	role, err := tx.roleForNewMember(row, user.ID, role)
	if err != nil {
		return err
	}
	if err := tx.appendMemberEvent(models.EventMemberJoined, row, user.Ref(), models.MemberEvent{Role: role}); err != nil {
		return err
	}
	if err := tx.addMember(row, user.ID, role); err != nil {
		return err
	}
	return tx.countMembers(row.ID, +1)
}

// removeMember ends a membership; the event that was appended last is the last that the user sees.
func (tx *transaction) removeMember(row roomRow, userID int64) error {
	tx.onPosition(func(position int64) error {
		return tx.endMemberships(position, "room_id = ? AND user_id = ?", row.ID, userID)
	})
	tx.endMute(mute{userID: userID, roomID: row.ID}) // a user who comes back has not muted the room
	return tx.countMembers(row.ID, -1)
}

func (tx *transaction) countMembers(roomID int64, by int) error {
	return database.Exec(tx.DB, "UPDATE rooms SET member_count = member_count + ?, updated_at = ? WHERE id = ?",
		by, models.Now().Millis(), roomID)
}

// appendMemberEvent appends an event about a user in a room, for the members and the user.
func (tx *transaction) appendMemberEvent(
	name models.EventName, row roomRow, user models.UserRef, e models.MemberEvent,
) error {
	e.RoomID, e.Subject, e.User = row.ID, row.Subject, user
	return tx.appendEvent(name, models.Audience{RoomID: row.ID, UserID: user.ID}, e)
}

type memberRow struct {
	User     userRow `gorm:"embedded"`
	Role     string
	JoinedAt int64
}

func (r memberRow) model() models.Member {
	return models.Member{User: r.User.model(), Role: models.Role(r.Role), JoinedAt: models.FromMillis(r.JoinedAt)}
}

var memberQuery = `SELECT ` + userColumns + `, m.role, m.joined_at FROM memberships m JOIN ` + liveUsers + ` u ON u.id
	= m.user_id WHERE m.room_id = ?`

// Members lists the members of a room that the caller may read, in the order of the users' ids. among limits the list
// to some users, unless it is nil.
func (s *Store) Members(
	ctx context.Context, callerID int64, path models.RoomPath, among []int64, page models.Paging,
) (models.Page[models.Member], error) {
	empty := models.Page[models.Member]{Items: []models.Member{}}
	db := s.read(ctx)
	a, err := authorizeReader(db, path, callerID)
	if err != nil {
		return empty, err
	}
	of := list{listMembers, a.Room.ID}
	after, _, err := of.after(page.Cursor)
	if err != nil {
		return empty, err
	}
	query, args := memberQuery+" AND m.user_id > ?", []any{a.Room.ID, after.id}
	if among != nil {
		if len(among) == 0 {
			return empty, nil
		}
		in, ids := database.IDList(db, among)
		query, args = query+" AND m.user_id IN "+in, append(args, ids)
	}
	var rows []memberRow
	err = database.Scan(db, &rows, query+" ORDER BY m.user_id LIMIT ?", append(args, page.Limit+1)...)
	if err != nil {
		return empty, err
	}
	return pageOf(rows, page.Limit, memberRow.model, func(r memberRow) cursor { return cursor{list: of, id: r.User.ID} }),
		nil
}

// findMember returns the user's membership in the room; ok is false without one.
func (tx *transaction) findMember(roomID, userID int64) (row memberRow, ok bool, err error) {
	found, err := database.Find(tx.DB, &row, memberQuery+" AND m.user_id = ?", roomID, userID)
	return row, found, err
}

// Join makes the caller a member of a public room. It does nothing for a member.
func (s *Store) Join(ctx context.Context, callerID int64, path models.RoomPath) (models.Room, models.Cursor, error) {
	var room models.Room
	at, err := s.write(ctx, func(tx *transaction) error {
		if err := tx.lockRoom(path); err != nil {
			return err
		}
		a, err := authorizeReader(tx.DB, path, callerID)
		if err != nil {
			return err
		}
		if a, err = tx.join(a); err != nil {
			return err
		}
		room, err = fillRoom(tx.DB, a)
		return err
	})
	return room, at, err
}

// join makes the caller a member of a locked room that they may read, unless they are one.
func (tx *transaction) join(a access) (access, error) {
	if a.isMember() {
		return a, tx.rejoinDirect(a)
	}
	user, err := findUser(tx.DB, models.UserPath{ID: a.CallerID})
	if err != nil {
		return a, err
	}
	if err := tx.addMemberAndNotify(a.Room, user.model(), models.RoleMember); err != nil {
		return a, err
	}
	return authorizeReader(tx.DB, models.RoomPath{ID: a.Room.ID}, a.CallerID)
}

// Leave ends the caller's membership. It does nothing for a user who is not a member.
func (s *Store) Leave(ctx context.Context, callerID int64, path models.RoomPath) (models.Cursor, error) {
	return s.write(ctx, func(tx *transaction) error {
		if err := tx.lockRoom(path); err != nil {
			return err
		}
		a, err := authorizeReader(tx.DB, path, callerID)
		if err != nil {
			return tx.unlessHasLeft(err, path, callerID)
		}
		if !a.isMember() {
			return nil
		}
		leaver, is, err := tx.findMember(a.Room.ID, callerID)
		if err != nil || !is { // their account was just deleted
			return err
		}
		if a.Room.Kind == string(models.RoomDirect) {
			return tx.leaveDirect(a, leaver)
		}
		if err := tx.endMembership(a.Room, leaver); err != nil {
			return err
		}
		tx.storeLeaver(a.Room, callerID)
		return nil
	})
}

// unlessHasLeft is nil for the error of a room from which the caller was removed or banned, or that they left, as far
// back as events are kept: the call may be the repetition of one whose response was lost. It tells them nothing new.
func (tx *transaction) unlessHasLeft(err error, path models.RoomPath, callerID int64) error {
	if isCode(err, models.CodeBanned) {
		return nil
	}
	if !isNotFound(err) || path.Key != "" {
		return err
	}
	var were int64
	const query = `SELECT (SELECT count(*) FROM past_memberships WHERE room_id = ? AND user_id = ?) +
		(SELECT count(*) FROM memberships WHERE room_id = ? AND user_id = ?)`
	if e := database.Scan(tx.DB, &were, query, path.ID, callerID, path.ID, callerID); e != nil || were > 0 {
		return e
	}
	return err
}

// endMembership removes a member for good. In a direct room only the deletion of an account does that, or the last user
// who leaves: otherwise the other one keeps the room.
func (tx *transaction) endMembership(row roomRow, leaver memberRow) error {
	if err := tx.passOwnership(row, leaver); err != nil {
		return err
	}
	left := models.MemberEvent{Role: models.Role(leaver.Role)}
	if err := tx.appendMemberEvent(models.EventMemberLeft, row, leaver.User.model().Ref(), left); err != nil {
		return err
	}
	if err := tx.removeMember(row, leaver.User.ID); err != nil {
		return err
	}
	if row.Kind != string(models.RoomPublic) && row.MemberCount == 1 {
		return tx.markRoomDeleted(row) // no member is left to see an event
	}
	return tx.deleteIfAbandoned(row, leaver.User.ID)
}

// PutMember adds a user to the room, or sets a member's role.
func (s *Store) PutMember(
	ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath, r models.RoleChange,
) (models.Member, models.Cursor, error) {
	var member models.Member
	at, err := s.write(ctx, func(tx *transaction) error {
		self, err := tx.putSelf(callerID, path, user, r.Role)
		if err != nil || self.User.ID != 0 {
			member = self.model()
			return err
		}
		m, err := tx.authorizeModeration(callerID, path, user)
		if err != nil {
			return err
		}
		if r.Role == models.RoleOwner && models.Role(m.room.Role) != models.RoleOwner {
			return models.Errorf(models.CodeForbidden, "Only an owner may make an owner.")
		}
		if m.isMember {
			err = tx.changeRole(m, r.Role)
		} else {
			err = tx.addByModerator(m, r.Role)
		}
		if err != nil {
			return err
		}
		row, is, err := tx.findMember(m.room.Room.ID, m.target.ID)
		if err == nil && !is { // their account was just deleted
			err = models.NotFound()
		}
		member = row.model()
		return err
	})
	return member, at, err
}

// putSelf is PutMember for callers who name themselves, and no other role than they have or would get: like members/me,
// it needs no moderator. The row is empty when a moderator's rights are needed.
func (tx *transaction) putSelf(
	callerID int64, path models.RoomPath, user models.UserPath, role models.Role,
) (row memberRow, err error) {
	target, err := findUser(tx.DB, user)
	// authorizeModeration returns the error for a user who does not exist
	if isNotFound(err) || err == nil && target.ID != callerID {
		return row, nil
	}
	if err == nil {
		err = tx.lockRoom(path)
	}
	if err != nil {
		return row, err
	}
	a, err := authorizeReader(tx.DB, path, callerID)
	if err != nil {
		return row, err
	}
	usual := models.RoleMember
	if a.isMember() {
		usual = models.Role(a.Role)
	}
	if role != "" && role != usual {
		return row, nil
	}
	if a, err = tx.join(a); err != nil {
		return row, err
	}
	row, _, err = tx.findMember(a.Room.ID, callerID)
	return row, err
}

func (tx *transaction) addByModerator(m moderation, role models.Role) error {
	if role == "" {
		role = models.RoleMember
	}
	banned, err := isBanned(tx.DB, m.room.Room.ID, m.target.ID)
	if err != nil {
		return err
	}
	if banned {
		return models.Errorf(models.CodeBanned, "This user is banned from the room; lift the ban first.")
	}
	if err := tx.refuseBlocked(m.room.CallerID, m.target.ID); err != nil {
		return err
	}
	left, err := tx.leftAt(m.room.Room.ID, m.target.ID)
	if err != nil {
		return err
	}
	if left > 0 {
		return models.Errorf(models.CodeForbidden, "This user has left the room; they come back with a new invite.")
	}
	return tx.addMemberAndNotify(m.room.Room, m.target, role)
}

// RemoveMember removes a user from the room. It does nothing for a user who is not a member.
func (s *Store) RemoveMember(
	ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath,
) (models.Cursor, error) {
	if user.Key != "" {
		row, err := findUser(s.read(ctx), user)
		switch {
		case err == nil:
			user = models.UserPath{ID: row.ID}
		case !isNotFound(err):
			return models.Cursor{}, err
		}
	}
	if user.ID == callerID {
		return s.Leave(ctx, callerID, path)
	}
	return s.write(ctx, func(tx *transaction) error {
		m, err := tx.authorizeModeration(callerID, path, user)
		if err != nil && m.found() {
			return unlessNotFound(err)
		}
		if err != nil || !m.isMember {
			return err
		}
		return tx.endMembership(m.room.Room, m.member)
	})
}

// storeLeaver records that a user has left a private room, with the event that was appended last. From then on nobody
// can add them again: they come back with an invite that was created later. Public rooms they can join anyway.
func (tx *transaction) storeLeaver(row roomRow, userID int64) {
	if row.Kind != string(models.RoomPrivate) {
		return
	}
	tx.onPosition(func(position int64) error {
		// Nothing for a room that was deleted with its last member.
		return database.Exec(tx.DB,
			`INSERT INTO leavers (room_id, user_id, left_position) SELECT id, ?, ? FROM rooms WHERE id = ?
			ON CONFLICT (room_id, user_id) DO UPDATE SET left_position = excluded.left_position`, userID, position, row.ID)
	})
}

// leftAt returns the position of the event with which a user left a private room, 0 for a user who did not, or who has
// come back.
func (tx *transaction) leftAt(roomID, userID int64) (position int64, err error) {
	err = database.Scan(tx.DB, &position,
		"SELECT left_position FROM leavers WHERE room_id = ? AND user_id = ?", roomID, userID)
	return position, err
}

// deleteLeaver lets a user who has come back be a member like any other.
func (tx *transaction) deleteLeaver(roomID, userID int64) error {
	return database.Exec(tx.DB, "DELETE FROM leavers WHERE room_id = ? AND user_id = ?", roomID, userID)
}

// limitRooms is an error for a user who is in more rooms than the limit. Deleted rooms do not count, which is only
// checked where it matters.
func (tx *transaction) limitRooms(userID int64) error {
	beyond, err := tx.exceeds(models.MaxRoomsPerUser, "memberships", "user_id = ?", userID)
	if err != nil || !beyond {
		return err
	}
	return tx.refuseAbove(models.MaxRoomsPerUser, "A user may be in %d rooms, and this one is; a room has to be left "+
		"first.",
		"memberships m JOIN "+liveRooms+" r ON r.id = m.room_id", "m.user_id = ?", userID)
}
