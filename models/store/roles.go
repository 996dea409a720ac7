package store

import (
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// moderation is a moderator's action on a user in a locked room.
type moderation struct {
	room   access
	target models.User
	// member is the membership of the target, if isMember.
	member   memberRow
	isMember bool
}

// found reports whether the caller may know of the room: what was not found is the user then.
func (m moderation) found() bool { return m.room.Room.ID != 0 }

// authorizeModeration locks the room and checks that the caller may act on the user: moderators and owners may, but on
// an owner only an owner.
func (tx *transaction) authorizeModeration(
	callerID int64, path models.RoomPath, user models.UserPath,
) (moderation, error) {
	var m moderation
	if err := tx.lockRoom(path); err != nil {
		return m, err
	}
	var err error
	if m.room, err = authorizeModerator(tx.DB, path, callerID); err != nil {
		return m, err
	}
	row, err := findUser(tx.DB, user)
	if err != nil {
		return m, err
	}
	m.target = row.model()
	if m.member, m.isMember, err = tx.findMember(m.room.Room.ID, row.ID); err != nil {
		return m, err
	}
	if m.isMember && models.Role(m.member.Role) == models.RoleOwner && models.Role(m.room.Role) != models.RoleOwner {
		return m, models.Errorf(models.CodeForbidden, "Only an owner may do that to an owner.")
	}
	return m, nil
}

func (tx *transaction) changeRole(m moderation, role models.Role) error {
	was := models.Role(m.member.Role)
	if role == "" || role == was {
		return nil
	}
	if was == models.RoleOwner {
		var owners int64
		err := database.Scan(tx.DB, &owners,
			"SELECT count(*) FROM memberships WHERE room_id = ? AND role = ?", m.room.Room.ID, was)
		if err != nil {
			return err
		}
		if owners == 1 {
			return models.Errorf(models.CodeForbidden, "A room keeps at least one owner; make another one first.")
		}
		if err := tx.passOwnership(m.room.Room, m.member); err != nil {
			return err
		}
	}
	return tx.setRole(m.room.Room, m.member, role)
}

// passOwnership finds another owner for the room when the last one is about to leave: the moderator who joined first,
// or else the member who joined first.
func (tx *transaction) passOwnership(row roomRow, leaver memberRow) error {
	if models.Role(leaver.Role) != models.RoleOwner {
		return nil
	}
	heir, found, err := tx.nextOwner(row.ID, leaver.User.ID)
	if err != nil {
		return err
	}
	if row.OwnerID == leaver.User.ID { // 0 when nobody is left: a room without an owner
		if err := database.Exec(tx.DB, "UPDATE rooms SET owner_id = ? WHERE id = ?", heir.User.ID, row.ID); err != nil {
			return err
		}
	}
	if !found || models.Role(heir.Role) == models.RoleOwner {
		return nil
	}
	return tx.setRole(row, heir, models.RoleOwner)
}

// roleForNewMember returns the role of a user who is about to become a member: the given one where the room has an
// owner. A room without an owner goes to the moderator, or else the member, who joined first, and to the new
// member where there is none. The lobby has no owner: everybody comes there.
func (tx *transaction) roleForNewMember(row roomRow, userID int64, role models.Role) (models.Role, error) {
	if row.Kind == string(models.RoomDirect) || row.ID == tx.store.lobbyID {
		return role, nil
	}
	heir, found, err := tx.nextOwner(row.ID, userID)
	if err != nil || found && models.Role(heir.Role) == models.RoleOwner {
		return role, err
	}
	owner := userID
	if found {
		owner = heir.User.ID
		err = tx.setRole(row, heir, models.RoleOwner)
	} else {
		role = models.RoleOwner
	}
	if err == nil {
		err = database.Exec(tx.DB, "UPDATE rooms SET owner_id = ? WHERE id = ?", owner, row.ID)
	}
	return role, err
}

// nextOwner returns the user who owns a room when one of its owners is gone. Each role is queried alone: that uses an
// index, where an order by all three would have all members sorted.
func (tx *transaction) nextOwner(roomID, leaverID int64) (heir memberRow, found bool, err error) {
	for _, role := range []models.Role{models.RoleOwner, models.RoleModerator, models.RoleMember} {
		found, err = database.Find(tx.DB, &heir,
			memberQuery+" AND m.role = ? AND m.user_id <> ? ORDER BY m.joined_at, m.user_id LIMIT 1", roomID, role,
			leaverID)
		if err != nil || found {
			return heir, found, err
		}
	}
	return heir, false, nil
}

func (tx *transaction) setRole(row roomRow, m memberRow, role models.Role) error {
	err := database.Exec(tx.DB,
		"UPDATE memberships SET role = ? WHERE room_id = ? AND user_id = ?", role, row.ID, m.User.ID)
	if err == nil {
		err = tx.touch(row.ID)
	}
	if err != nil {
		return err
	}
	if err := tx.appendMemberEvent(models.EventMemberUpdated, row, m.User.model().Ref(),
		models.MemberEvent{Role: role}); err != nil {
		return err
	}
	if role.Moderates() && !models.Role(m.Role).Moderates() {
		tx.onPosition(func(position int64) error { // invites of an earlier time as a moderator stay invalid
			return database.Exec(tx.DB, "UPDATE memberships SET rights_position = ? WHERE room_id = ? AND user_id = ?",
				position, row.ID, m.User.ID)
		})
	}
	return nil
}
