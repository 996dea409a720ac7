package store

import (
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
func (tx *transaction) authorizeModeration(callerID int64, path models.RoomPath, user models.UserPath) (moderation, error) {
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
		err := tx.Raw("SELECT count(*) FROM memberships WHERE room_id = ? AND role = ?", m.room.Room.ID, was).Scan(&owners).Error
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

// handOver finds the room another owner when the last one is about to go: the longest-standing moderator, else member.
func (tx *transaction) passOwnership(row roomRow, leaver memberRow) error {
	if models.Role(leaver.Role) != models.RoleOwner {
		return nil
	}
	heir, found, err := tx.nextOwner(row.ID, leaver.User.ID)
	if err != nil {
		return err
	}
	if row.OwnerID == leaver.User.ID { // 0 when nobody is left: a room without an owner
		if err := tx.Exec("UPDATE rooms SET owner_id = ? WHERE id = ?", heir.User.ID, row.ID).Error; err != nil {
			return err
		}
	}
	if !found || models.Role(heir.Role) == models.RoleOwner {
		return nil
	}
	return tx.setRole(row, heir, models.RoleOwner)
}

// roleOnArrival is the role of somebody who is about to come to a room, which is the given one where somebody owns the room. One
// that nobody owns goes to its longest-standing moderator, else member, and to who comes where there is none. Nobody owns the
// lobby: everybody comes there.
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
		err = tx.Exec("UPDATE rooms SET owner_id = ? WHERE id = ?", owner, row.ID).Error
	}
	return role, err
}

// heir is who owns a room when one of its owners is gone. Each role is asked for alone: that is a look into an index, where
// an order by all three would have all members sorted.
func (tx *transaction) nextOwner(roomID, leaverID int64) (heir memberRow, found bool, err error) {
	for _, role := range []models.Role{models.RoleOwner, models.RoleModerator, models.RoleMember} {
		q := tx.Raw(memberQuery+" AND m.role = ? AND m.user_id <> ? ORDER BY m.joined_at, m.user_id LIMIT 1", roomID, role, leaverID).Scan(&heir)
		if q.Error != nil || q.RowsAffected > 0 {
			return heir, q.RowsAffected > 0, q.Error
		}
	}
	return heir, false, nil
}

func (tx *transaction) setRole(row roomRow, m memberRow, role models.Role) error {
	err := tx.Exec("UPDATE memberships SET role = ? WHERE room_id = ? AND user_id = ?", role, row.ID, m.User.ID).Error
	if err == nil {
		err = tx.touch(row.ID)
	}
	if err != nil {
		return err
	}
	if err := tx.appendMemberEvent(models.EventMemberUpdated, row, m.User.model().Ref(), models.MemberEvent{Role: role}); err != nil {
		return err
	}
	if role.Moderates() && !models.Role(m.Role).Moderates() {
		tx.onPosition(func(position int64) error { // invites of an earlier time as a moderator stay void
			return tx.Exec("UPDATE memberships SET rights_position = ? WHERE room_id = ? AND user_id = ?",
				position, row.ID, m.User.ID).Error
		})
	}
	return nil
}
