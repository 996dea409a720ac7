package store

import (
	"context"
	"maps"
	"slices"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// Direct returns the room of the caller and one other user, which the first call creates. There is one room, even if
// both users call at the same moment.
func (s *Store) Direct(ctx context.Context, callerID int64, user models.UserPath) (models.Room, models.Cursor, error) {
	var room models.Room
	at, err := s.write(ctx, func(tx *transaction) error {
		id, err := tx.direct(callerID, user, "user")
		if err != nil {
			return err
		}
		path := models.RoomPath{ID: id}
		if err := tx.lockRoom(path); err != nil {
			return err
		}
		a, err := authorizeReader(tx.DB, path, callerID)
		if err == nil {
			err = tx.rejoinDirect(a)
		}
		if err != nil {
			return err
		}
		room, err = fillRoom(tx.DB, a)
		return err
	})
	return room, at, err
}

// direct finds or creates the direct room of the caller and the user that the request names in field.
func (tx *transaction) direct(callerID int64, user models.UserPath, field string) (roomID int64, err error) {
	other, err := findUser(tx.DB, user)
	if err != nil {
		return 0, err
	}
	if other.ID == callerID {
		return 0, models.Invalid(field, "a direct room needs somebody else")
	}
	if err := tx.refuseBlocked(callerID, other.ID); err != nil {
		return 0, err
	}
	return tx.directRoom(callerID, other.ID)
}

// directRoom finds or creates the room of two users. The unique direct_key decides which call creates it: on PostgreSQL
// a second call waits at the INSERT for the first one's commit, and then finds that room.
func (tx *transaction) directRoom(one, other int64) (int64, error) {
	key := directKey(one, other)
	now := models.Now().Millis()
	var id int64
	err := database.Scan(tx.DB, &id,
		`INSERT INTO rooms (kind, direct_key, created_at, updated_at, active_at, member_count) VALUES (?, ?, ?,
		?, ?, 2)
		ON CONFLICT (direct_key) DO NOTHING RETURNING id`, models.RoomDirect, key, now, now, now)
	if err != nil {
		return 0, err
	}
	if id == 0 {
		err = database.Scan(tx.DB, &id, "SELECT id FROM rooms WHERE direct_key = ?", key)
		return id, err
	}
	return id, tx.beginDirect(id, one, other)
}

// beginDirect makes the two users members of their new room, and appends the event.
func (tx *transaction) beginDirect(id, one, other int64) error {
	var row roomRow
	if err := tx.First(&row, id).Error; err != nil {
		return err
	}
	room := row.model()
	err := database.Scan(tx.DB, &room.Users,
		"SELECT id, username, display_name FROM users WHERE id IN (?, ?) ORDER BY id", one, other)
	if err != nil {
		return err
	}
	if err := tx.appendEvent(models.EventRoomCreated, models.Audience{RoomID: id, UserID: one, PeerID: other},
		room); err != nil {
		return err
	}
	for _, user := range []int64{one, other} {
		if err := tx.addMember(row, user, models.RoleMember); err != nil {
			return err
		}
	}
	return nil
}

// leaveDirect removes a direct room from the caller's list, until the next message in it or their return. They stay a
// member that the other user writes to, and have read all messages. When the other account is deleted, so is the room.
func (tx *transaction) leaveDirect(a access, leaver memberRow) error {
	alone, err := tx.isLastMember(a)
	if err != nil {
		return err
	}
	if alone {
		return tx.endMembership(a.Room, leaver)
	}
	if a.LeftAt != 0 {
		return nil
	}
	if a.LastReadID = a.Room.LastMessageID; a.LastReadID > 0 {
		if err := tx.moveReadMark(&a); err != nil {
			return err
		}
	}
	if err := tx.setLeftAt(a, models.Now().Millis()); err != nil {
		return err
	}
	return tx.appendOwnMemberEvent(models.EventMemberLeft, a)
}

// rejoinDirect puts a direct room that the caller had left back into their list. It does nothing for other rooms.
func (tx *transaction) rejoinDirect(a access) error {
	if a.LeftAt == 0 {
		return nil
	}
	if err := tx.setLeftAt(a, 0); err != nil {
		return err
	}
	if !a.Blocked { // with a block, the room must not appear among what has changed for the other
		if err := tx.touch(a.Room.ID); err != nil {
			return err
		}
	}
	return tx.appendOwnMemberEvent(models.EventMemberJoined, a)
}

func (tx *transaction) setLeftAt(a access, at int64) error {
	return database.Exec(tx.DB,
		"UPDATE memberships SET left_at = ? WHERE room_id = ? AND user_id = ?", at, a.Room.ID, a.CallerID)
}

// appendOwnMemberEvent appends an event about the caller in a room, for the caller's streams alone.
func (tx *transaction) appendOwnMemberEvent(name models.EventName, a access) error {
	user, err := findUser(tx.DB, models.UserPath{ID: a.CallerID})
	if err != nil {
		return err
	}
	return tx.appendEvent(name, models.Audience{UserID: a.CallerID}, models.MemberEvent{
		RoomID: a.Room.ID, Subject: a.Room.Subject, User: user.model().Ref(), Role: models.Role(a.Role),
	})
}

// isLastMember reports whether the accounts of all others in a room are deleted.
func (tx *transaction) isLastMember(a access) (bool, error) {
	var others int64
	err := database.Scan(tx.DB, &others,
		"SELECT count(*) FROM memberships m JOIN "+liveUsers+" u ON u.id = m.user_id WHERE m.room_id = ? AND "+
			"m.user_id <> ?",
		a.Room.ID, a.CallerID)
	return others == 0, err
}

// deleteIfAbandoned deletes a direct room when the account of one user is deleted and the other one has left it: nobody
// would find it again.
func (tx *transaction) deleteIfAbandoned(row roomRow, goneID int64) error {
	if row.Kind != string(models.RoomDirect) {
		return nil
	}
	var kept int64
	err := database.Scan(tx.DB, &kept,
		"SELECT count(*) FROM memberships WHERE room_id = ? AND user_id <> ? AND left_at = 0", row.ID, goneID)
	if err != nil || kept > 0 {
		return err
	}
	if err := tx.appendEvent(models.EventRoomDeleted, row.audience(0), models.RoomGone{RoomID: row.ID}); err != nil {
		return err
	}
	return tx.markRoomDeleted(row)
}

// addUsers adds the users to each of the rooms that are direct, with one query, or none where no room is.
func addUsers(db *gorm.DB, rooms []models.Room) error {
	direct := map[int64]*models.Room{}
	for i := range rooms {
		if rooms[i].Kind == models.RoomDirect {
			direct[rooms[i].ID] = &rooms[i]
		}
	}
	if len(direct) == 0 {
		return nil
	}
	var rows []struct {
		RoomID int64
		User   models.UserRef `gorm:"embedded"`
	}
	err := database.Scan(db, &rows,
		`SELECT m.room_id, u.id, u.username, u.display_name FROM memberships m JOIN `+liveUsers+` u ON u.id =
		m.user_id
		WHERE m.room_id IN ? ORDER BY m.room_id, m.user_id`, slices.Collect(maps.Keys(direct)))
	for _, r := range rows {
		direct[r.RoomID].Users = append(direct[r.RoomID].Users, r.User)
	}
	return err
}

// directRooms is what a batch needs to know of its direct rooms: blocked are the direct keys of those whose two users
// have a block between them, left the ids of those that one of the two has left.
type directRooms struct {
	blocked map[string]bool
	left    []int64
}

// directRooms reads it after the rooms were locked, which those who block and leave wait for. A batch without a direct
// room pays nothing.
func (b *batchTx) directRooms(rooms map[int64]*database.Room) (directRooms, error) {
	found := directRooms{blocked: map[string]bool{}}
	var keys []string
	var ids []int64
	for _, r := range rooms {
		if r.DirectKey != nil {
			keys, ids = append(keys, *r.DirectKey), append(ids, r.ID)
		}
	}
	if len(keys) == 0 {
		return found, nil
	}
	var rows []struct {
		DirectKey string
		RoomID    int64
	}
	err := database.Scan(b.DB, &rows, `SELECT direct_key, 0 AS room_id FROM blocks WHERE direct_key IN ?
		UNION ALL SELECT '', room_id FROM memberships WHERE left_at <> 0 AND room_id IN ?`, keys, ids)
	for _, r := range rows {
		if r.RoomID != 0 {
			found.left = append(found.left, r.RoomID)
		} else {
			found.blocked[r.DirectKey] = true
		}
	}
	return found, err
}

// relistDirect puts the direct rooms that have a new message back into the lists of the users who had left them.
func (b *batchTx) relistDirect(stored *database.Batch, left []int64) error {
	left = slices.DeleteFunc(left, func(id int64) bool { return stored.Rooms[id] == nil })
	if len(left) == 0 {
		return nil
	}
	return database.Exec(b.DB, "UPDATE memberships SET left_at = 0 WHERE room_id IN ? AND left_at <> 0", left)
}
