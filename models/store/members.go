package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// enrol makes user a member; the event told last is the first that they see. What is there counts as read.
func (c *change) enrol(row roomRow, userID int64, role models.Role) error {
	now := models.Now().Millis()
	sent, err := c.sentBefore(row.ID, userID)
	if err != nil {
		return err
	}
	added := c.Exec(`INSERT INTO memberships
		(room_id, user_id, role, joined_at, joined_position, last_read_id, own_after, sent_count, muted)
		VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?) ON CONFLICT (room_id, user_id) DO NOTHING`,
		row.ID, userID, role, now, row.LastMessageID, row.LastMessageID, sent, false)
	if added.Error != nil {
		return added.Error
	}
	// Only now: whoever deletes the account waits for this row's transaction, or was faster, and is found by this.
	if _, err := findUser(c.DB, models.UserPath{ID: userID}); err != nil {
		return err
	}
	if added.RowsAffected == 0 { // of somebody who has gone there may still be a row, but of nobody else
		return gorm.ErrDuplicatedKey
	}
	if err := c.boundRooms(userID); err != nil {
		return err
	}
	c.whenPlaced(func(position int64) error {
		return c.Exec("UPDATE memberships SET joined_position = ?, rights_position = ? WHERE room_id = ? AND user_id = ?",
			position, position, row.ID, userID).Error
	})
	return nil
}

// admit is enrol for somebody who comes to a room that is there: the members and the user hear of it. Who comes to a room that
// nobody is left to own becomes its owner.
func (c *change) admit(row roomRow, user models.User, role models.Role) error {
	role, err := c.roleOnArrival(row, user.ID, role)
	if err != nil {
		return err
	}
	if err := c.tellMember(models.EventMemberJoined, row, user.Ref(), models.MemberEvent{Role: role}); err != nil {
		return err
	}
	if err := c.enrol(row, user.ID, role); err != nil {
		return err
	}
	return c.countMembers(row.ID, +1)
}

// expel ends user's membership; the event told last is the last that they see.
func (c *change) expel(row roomRow, userID int64) error {
	c.whenPlaced(func(position int64) error {
		return c.endMemberships(position, "room_id = ? AND user_id = ?", row.ID, userID)
	})
	c.endSilence(silence{userID: userID, roomID: row.ID}) // who comes back has not muted the room
	return c.countMembers(row.ID, -1)
}

func (c *change) countMembers(roomID int64, by int) error {
	return c.Exec("UPDATE rooms SET member_count = member_count + ?, updated_at = ? WHERE id = ?",
		by, models.Now().Millis(), roomID).Error
}

// tellMember tells the members, and the user, what became of the user in the room.
func (c *change) tellMember(name models.EventName, row roomRow, user models.UserRef, e models.MemberEvent) error {
	e.RoomID, e.Subject, e.User = row.ID, row.Subject, user
	return c.tell(name, models.Audience{RoomID: row.ID, UserID: user.ID}, e)
}

type memberRow struct {
	User     userRow `gorm:"embedded"`
	Role     string
	JoinedAt int64
}

func (r memberRow) model() models.Member {
	return models.Member{User: r.User.model(), Role: models.Role(r.Role), JoinedAt: models.FromMillis(r.JoinedAt)}
}

var memberQuery = `SELECT ` + userColumns + `, m.role, m.joined_at FROM memberships m JOIN ` + liveUsers + ` u ON u.id = m.user_id WHERE m.room_id = ?`

// Members lists the members of a room that the caller may read, in the order of the users' ids. among narrows the list to
// some users; nil does not.
func (s *Store) Members(ctx context.Context, callerID int64, path models.RoomPath, among []int64, page models.Paging) (models.Page[models.Member], error) {
	empty := models.Page[models.Member]{Items: []models.Member{}}
	db := s.read(ctx)
	a, err := lookAt(db, path, callerID)
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
		in, ids := numbers(db, among)
		query, args = query+" AND m.user_id IN "+in, append(args, ids)
	}
	var rows []memberRow
	err = db.Raw(query+" ORDER BY m.user_id LIMIT ?", append(args, page.Limit+1)...).Scan(&rows).Error
	if err != nil {
		return empty, err
	}
	return pageOf(rows, page.Limit, memberRow.model, func(r memberRow) cursor { return cursor{list: of, id: r.User.ID} }), nil
}

// member is user's membership in the room; ok is false for no member.
func (c *change) member(roomID, userID int64) (row memberRow, ok bool, err error) {
	found := c.Raw(memberQuery+" AND m.user_id = ?", roomID, userID).Scan(&row)
	return row, found.RowsAffected > 0, found.Error
}

// Join makes the caller a member of a public room. One who is a member stays so.
func (s *Store) Join(ctx context.Context, callerID int64, path models.RoomPath) (models.Room, models.Cursor, error) {
	var room models.Room
	at, err := s.change(ctx, func(c *change) error {
		if err := c.lock(path); err != nil {
			return err
		}
		a, err := lookAt(c.DB, path, callerID)
		if err != nil {
			return err
		}
		if a, err = c.join(a); err != nil {
			return err
		}
		room, err = shownRoom(c.DB, a)
		return err
	})
	return room, at, err
}

// join makes the caller a member of a locked room that they may read, unless they are one.
func (c *change) join(a access) (access, error) {
	if a.member() {
		return a, c.comeBack(a)
	}
	user, err := findUser(c.DB, models.UserPath{ID: a.CallerID})
	if err != nil {
		return a, err
	}
	if err := c.admit(a.Room, user.model(), models.RoleMember); err != nil {
		return a, err
	}
	return lookAt(c.DB, models.RoomPath{ID: a.Room.ID}, a.CallerID)
}

// Leave ends the caller's membership. One who is no member stays so.
func (s *Store) Leave(ctx context.Context, callerID int64, path models.RoomPath) (models.Cursor, error) {
	return s.change(ctx, func(c *change) error {
		if err := c.lock(path); err != nil {
			return err
		}
		a, err := lookAt(c.DB, path, callerID)
		if err != nil || !a.member() {
			return err
		}
		leaver, is, err := c.member(a.Room.ID, callerID)
		if err != nil || !is { // with their account, just now
			return err
		}
		if a.Room.Kind == string(models.RoomDirect) {
			return c.leaveDirect(a, leaver)
		}
		if err := c.endMembership(a.Room, leaver); err != nil {
			return err
		}
		c.rememberLeaver(a.Room, callerID)
		return nil
	})
}

// endMembership takes a member out for good. Of a direct room only the end of an account does, and the leave of who is the
// last: otherwise the other one keeps it.
func (c *change) endMembership(row roomRow, leaver memberRow) error {
	if err := c.handOver(row, leaver); err != nil {
		return err
	}
	left := models.MemberEvent{Role: models.Role(leaver.Role)}
	if err := c.tellMember(models.EventMemberLeft, row, leaver.User.model().Ref(), left); err != nil {
		return err
	}
	if err := c.expel(row, leaver.User.ID); err != nil {
		return err
	}
	if row.Kind != string(models.RoomPublic) && row.MemberCount == 1 {
		return c.endRoom(row) // nobody is left to be told
	}
	return c.endIfLeft(row, leaver.User.ID)
}

// handOver finds the room another owner when the last one is about to go: the longest-standing moderator, else member.
func (c *change) handOver(row roomRow, leaver memberRow) error {
	if models.Role(leaver.Role) != models.RoleOwner {
		return nil
	}
	heir, found, err := c.heir(row.ID, leaver.User.ID)
	if err != nil {
		return err
	}
	if row.OwnerID == leaver.User.ID { // 0 when nobody is left: a room without an owner
		if err := c.Exec("UPDATE rooms SET owner_id = ? WHERE id = ?", heir.User.ID, row.ID).Error; err != nil {
			return err
		}
	}
	if !found || models.Role(heir.Role) == models.RoleOwner {
		return nil
	}
	return c.setRole(row, heir, models.RoleOwner)
}

// roleOnArrival is the role of somebody who is about to come to a room, which is the given one where somebody owns the room. One
// that nobody owns goes to its longest-standing moderator, else member, and to who comes where there is none. Nobody owns the
// lobby: everybody comes there.
func (c *change) roleOnArrival(row roomRow, userID int64, role models.Role) (models.Role, error) {
	if row.Kind == string(models.RoomDirect) || row.ID == c.store.lobbyID {
		return role, nil
	}
	heir, found, err := c.heir(row.ID, userID)
	if err != nil || found && models.Role(heir.Role) == models.RoleOwner {
		return role, err
	}
	owner := userID
	if found {
		owner = heir.User.ID
		err = c.setRole(row, heir, models.RoleOwner)
	} else {
		role = models.RoleOwner
	}
	if err == nil {
		err = c.Exec("UPDATE rooms SET owner_id = ? WHERE id = ?", owner, row.ID).Error
	}
	return role, err
}

// heir is who owns a room when one of its owners is gone. Each role is asked for alone: that is a look into an index, where
// an order by all three would have all members sorted.
func (c *change) heir(roomID, leaverID int64) (heir memberRow, found bool, err error) {
	for _, role := range []models.Role{models.RoleOwner, models.RoleModerator, models.RoleMember} {
		q := c.Raw(memberQuery+" AND m.role = ? AND m.user_id <> ? ORDER BY m.joined_at, m.user_id LIMIT 1", roomID, role, leaverID).Scan(&heir)
		if q.Error != nil || q.RowsAffected > 0 {
			return heir, q.RowsAffected > 0, q.Error
		}
	}
	return heir, false, nil
}

func (c *change) setRole(row roomRow, m memberRow, role models.Role) error {
	err := c.Exec("UPDATE memberships SET role = ? WHERE room_id = ? AND user_id = ?", role, row.ID, m.User.ID).Error
	if err == nil {
		err = c.touch(row.ID)
	}
	if err != nil {
		return err
	}
	if err := c.tellMember(models.EventMemberUpdated, row, m.User.model().Ref(), models.MemberEvent{Role: role}); err != nil {
		return err
	}
	if role.Moderates() && !models.Role(m.Role).Moderates() {
		c.whenPlaced(func(position int64) error { // invites of an earlier time as a moderator stay void
			return c.Exec("UPDATE memberships SET rights_position = ? WHERE room_id = ? AND user_id = ?",
				position, row.ID, m.User.ID).Error
		})
	}
	return nil
}
