package store

import (
	"context"

	"github.com/parley-chat/parley/models"
)

// Direct is the room of the caller and one other user, made at the first call. Whoever of the two calls first, and be
// it at the same moment, there is one.
func (s *Store) Direct(ctx context.Context, callerID int64, user models.UserPath) (models.Room, models.Cursor, error) {
	return s.direct(ctx, callerID, user, "user")
}

// direct is Direct for a request that names the user in field.
func (s *Store) direct(ctx context.Context, callerID int64, user models.UserPath, field string) (models.Room, models.Cursor, error) {
	var room models.Room
	at, err := s.change(ctx, func(c *change) error {
		other, err := findUser(c.DB, user)
		if err != nil {
			return err
		}
		if other.ID == callerID {
			return models.Invalid(field, "a direct room needs somebody else")
		}
		if err := c.refuseBlocked(callerID, other.ID); err != nil {
			return err
		}
		id, err := c.directRoom(callerID, other.ID)
		if err != nil {
			return err
		}
		a, err := lookAt(c.DB, models.RoomPath{ID: id}, callerID)
		room = a.model()
		return err
	})
	return room, at, err
}

// directRoom finds or makes the room of two users. The unique direct_key decides who makes it: on PostgreSQL a second
// maker waits at the INSERT for the first one's commit, and then finds that room.
func (c *change) directRoom(one, other int64) (int64, error) {
	key := directKey(one, other)
	now := models.Now().Millis()
	var id int64
	made := c.Raw(`INSERT INTO rooms (kind, direct_key, created_at, updated_at, active_at, member_count) VALUES (?, ?, ?, ?, ?, 2)
		ON CONFLICT (direct_key) DO NOTHING RETURNING id`, models.RoomDirect, key, now, now, now).Scan(&id)
	if made.Error != nil {
		return 0, made.Error
	}
	if id == 0 {
		err := c.Raw("SELECT id FROM rooms WHERE direct_key = ?", key).Scan(&id).Error
		return id, err
	}
	var row roomRow
	if err := c.First(&row, id).Error; err != nil {
		return 0, err
	}
	err := c.tell(models.EventRoomCreated, models.Audience{RoomID: id, UserID: one, PeerID: other}, row.model())
	if err != nil {
		return 0, err
	}
	for _, user := range []int64{one, other} {
		if err := c.enrol(row, user, models.RoleMember); err != nil {
			return 0, err
		}
	}
	return id, nil
}

// Target is the id of the room that a message to "#handle" or "@username" belongs to. A direct room is made when it is
// not there yet.
func (s *Store) Target(ctx context.Context, callerID int64, target string) (int64, error) {
	if target[0] == '@' {
		user, ok := models.ParseUserPath(target, callerID)
		if !ok {
			return 0, models.NotFound()
		}
		room, _, err := s.direct(ctx, callerID, user, "target")
		return room.ID, err
	}
	path, ok := models.ParseRoomPath(target)
	if !ok {
		return 0, models.NotFound()
	}
	a, err := lookAt(s.read(ctx), path, callerID)
	return a.Room.ID, err
}
