package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// moderation is one moderator's act on one user in one locked room.
type moderation struct {
	room   access
	target models.User
	// member is the target's membership, where there is one.
	member   memberRow
	isMember bool
}

// moderate locks the room and checks that the caller may act on the user: a moderator or owner, in a room that is not
// direct, and on an owner only an owner.
func (c *change) moderate(callerID int64, path models.RoomPath, user models.UserPath) (moderation, error) {
	var m moderation
	if err := c.lock(path); err != nil {
		return m, err
	}
	var err error
	if m.room, err = asModerator(c.DB, path, callerID); err != nil {
		return m, err
	}
	row, err := findUser(c.DB, user)
	if err != nil {
		return m, err
	}
	m.target = row.model()
	if m.member, m.isMember, err = c.member(m.room.Room.ID, row.ID); err != nil {
		return m, err
	}
	if m.isMember && models.Role(m.member.Role) == models.RoleOwner && models.Role(m.room.Role) != models.RoleOwner {
		return m, models.Errorf(models.CodeForbidden, "Only an owner may do that to an owner.")
	}
	return m, nil
}

// PutMember adds a user to the room, or sets a member's role.
func (s *Store) PutMember(ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath, r models.RoleChange) (models.Member, models.Cursor, error) {
	var member models.Member
	at, err := s.change(ctx, func(c *change) error {
		self, err := c.enterSelf(callerID, path, user, r.Role)
		if err != nil || self.User.ID != 0 {
			member = self.model()
			return err
		}
		m, err := c.moderate(callerID, path, user)
		if err != nil {
			return err
		}
		if r.Role == models.RoleOwner && models.Role(m.room.Role) != models.RoleOwner {
			return models.Errorf(models.CodeForbidden, "Only an owner may make an owner.")
		}
		if m.isMember {
			err = c.changeRole(m, r.Role)
		} else {
			err = c.addMember(m, r.Role)
		}
		if err != nil {
			return err
		}
		row, is, err := c.member(m.room.Room.ID, m.target.ID)
		if err == nil && !is { // whose account has just been deleted
			err = models.NotFound()
		}
		member = row.model()
		return err
	})
	return member, at, err
}

// enterSelf is PutMember for a caller who names themself, and no other role than they have or would get: like members/me, it
// needs no moderator. The row is empty when there is one to decide.
func (c *change) enterSelf(callerID int64, path models.RoomPath, user models.UserPath, role models.Role) (row memberRow, err error) {
	target, err := findUser(c.DB, user)
	if isNotFound(err) || err == nil && target.ID != callerID { // moderate says what is to be said of who is not there
		return row, nil
	}
	if err == nil {
		err = c.lock(path)
	}
	if err != nil {
		return row, err
	}
	a, err := lookAt(c.DB, path, callerID)
	if err != nil {
		return row, err
	}
	usual := models.RoleMember
	if a.member() {
		usual = models.Role(a.Role)
	}
	if role != "" && role != usual {
		return row, nil
	}
	if a, err = c.join(a); err != nil {
		return row, err
	}
	row, _, err = c.member(a.Room.ID, callerID)
	return row, err
}

func (c *change) addMember(m moderation, role models.Role) error {
	if role == "" {
		role = models.RoleMember
	}
	banned, err := isBanned(c.DB, m.room.Room.ID, m.target.ID)
	if err != nil {
		return err
	}
	if banned {
		return models.Errorf(models.CodeBanned, "This user is banned from the room; lift the ban first.")
	}
	if err := c.refuseBlocked(m.room.CallerID, m.target.ID); err != nil {
		return err
	}
	left, err := c.leftAt(m.room.Room.ID, m.target.ID)
	if err != nil {
		return err
	}
	if left > 0 {
		return models.Errorf(models.CodeForbidden, "This user has left the room; they come back with a new invite.")
	}
	return c.admit(m.room.Room, m.target, role)
}

func (c *change) changeRole(m moderation, role models.Role) error {
	was := models.Role(m.member.Role)
	if role == "" || role == was {
		return nil
	}
	if was == models.RoleOwner {
		var owners int64
		err := c.Raw("SELECT count(*) FROM memberships WHERE room_id = ? AND role = ?", m.room.Room.ID, was).Scan(&owners).Error
		if err != nil {
			return err
		}
		if owners == 1 {
			return models.Errorf(models.CodeForbidden, "A room keeps at least one owner; make another one first.")
		}
		if err := c.handOver(m.room.Room, m.member); err != nil {
			return err
		}
	}
	return c.setRole(m.room.Room, m.member, role)
}

// RemoveMember takes a user out of the room. One who is no member stays so.
func (s *Store) RemoveMember(ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath) (models.Cursor, error) {
	if user.Key != "" {
		row, err := findUser(s.read(ctx), user)
		if err != nil {
			return models.Cursor{}, err
		}
		user = models.UserPath{ID: row.ID}
	}
	if user.ID == callerID {
		return s.Leave(ctx, callerID, path)
	}
	return s.change(ctx, func(c *change) error {
		m, err := c.moderate(callerID, path, user)
		if err != nil || !m.isMember {
			return err
		}
		return c.endMembership(m.room.Room, m.member)
	})
}

type banRow struct {
	User       userRow `gorm:"embedded"`
	Reason     string
	Until      int64
	BannedBy   int64
	BannedAt   int64
	ByUsername string
	ByDisplay  string
}

var banQuery = `SELECT ` + userColumns + `, b.reason, b.until, b.banned_by, b.created_at AS banned_at,
	COALESCE(o.username, ` + goneUsername + `) AS by_username, COALESCE(o.display_name, ` + goneDisplayName + `) AS by_display
	FROM bans b JOIN ` + liveUsers + ` u ON u.id = b.user_id LEFT JOIN users o ON o.id = b.banned_by
	WHERE b.room_id = ? AND (b.until = 0 OR b.until > ?)`

func (r banRow) model() models.Ban {
	return models.Ban{
		User: r.User.model(), Reason: r.Reason, Until: models.FromMillis(r.Until),
		BannedBy:  models.UserRef{ID: r.BannedBy, Username: r.ByUsername, DisplayName: r.ByDisplay},
		CreatedAt: models.FromMillis(r.BannedAt),
	}
}

func isBanned(db *gorm.DB, roomID, userID int64) (bool, error) {
	var n int64
	err := db.Raw("SELECT count(*) FROM bans WHERE room_id = ? AND user_id = ? AND (until = 0 OR until > ?)",
		roomID, userID, models.Now().Millis()).Scan(&n).Error
	return n > 0, err
}

// Ban removes a user from the room and keeps them out. A second ban replaces the first one's reason and end.
func (s *Store) Ban(ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath, n models.NewBan) (models.Ban, models.Cursor, error) {
	var ban models.Ban
	at, err := s.change(ctx, func(c *change) error {
		m, err := c.moderate(callerID, path, user)
		if err != nil {
			return err
		}
		switch {
		case m.target.ID == callerID:
			return models.Invalid("user", "nobody can ban themselves; leave the room instead")
		case m.room.Room.Kind == string(models.RoomDirect):
			return models.Errorf(models.CodeForbidden, "Nobody can be banned from a direct room; block them instead.")
		}
		if err := c.handOver(m.room.Room, m.member); err != nil {
			return err
		}
		now := models.Now().Millis()
		err = c.Exec(`INSERT INTO bans (room_id, user_id, reason, until, banned_by, created_at) VALUES (?, ?, ?, ?, ?, ?)
			ON CONFLICT (room_id, user_id) DO UPDATE SET reason = excluded.reason, until = excluded.until,
			banned_by = excluded.banned_by, created_at = excluded.created_at`,
			m.room.Room.ID, m.target.ID, value(n.Reason), n.Until.Millis(), callerID, now).Error
		if err != nil {
			return err
		}
		err = c.tellMember(models.EventMemberBanned, m.room.Room, m.target.Ref(),
			models.MemberEvent{Reason: value(n.Reason), Until: n.Until})
		if err == nil && m.isMember {
			err = c.expel(m.room.Room, m.target.ID)
		}
		if err == nil {
			err = c.touch(m.room.Room.ID)
		}
		if err != nil {
			return err
		}
		var row banRow
		err = c.Raw(banQuery+" AND b.user_id = ?", m.room.Room.ID, now, m.target.ID).Scan(&row).Error
		ban = row.model()
		return err
	})
	return ban, at, err
}

// Unban lets a user come back. One who is not banned stays so.
func (s *Store) Unban(ctx context.Context, callerID int64, path models.RoomPath, user models.UserPath) error {
	_, err := s.change(ctx, func(c *change) error {
		m, err := c.moderate(callerID, path, user)
		if err != nil {
			return err
		}
		return c.Exec("DELETE FROM bans WHERE room_id = ? AND user_id = ?", m.room.Room.ID, m.target.ID).Error
	})
	return err
}

// Bans lists who is banned now, in the order of the users' ids: who is banned anew stays where they were.
func (s *Store) Bans(ctx context.Context, callerID int64, path models.RoomPath, page models.Paging) (models.Page[models.Ban], error) {
	db := s.read(ctx)
	a, err := asModerator(db, path, callerID)
	if err != nil {
		return models.Page[models.Ban]{}, err
	}
	of := list{listBans, a.Room.ID}
	after, _, err := of.after(page.Cursor)
	if err != nil {
		return models.Page[models.Ban]{}, err
	}
	var rows []banRow
	err = db.Raw(banQuery+" AND b.user_id > ? ORDER BY b.user_id LIMIT ?", a.Room.ID, models.Now().Millis(), after.id, page.Limit+1).
		Scan(&rows).Error
	if err != nil {
		return models.Page[models.Ban]{}, err
	}
	return pageOf(rows, page.Limit, banRow.model, func(r banRow) cursor { return cursor{list: of, id: r.User.ID} }), nil
}
