package store

import (
	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// access is a room as one caller meets it.
type access struct {
	Room        roomRow `gorm:"embedded"`
	CallerID    int64
	Role        string // "" for no member
	JoinedAt    int64
	LastReadID  int64
	SeenCount   int64
	Muted       bool
	Banned      bool
	BannedUntil int64
}

func (a access) member() bool { return a.Role != "" }

func (a access) model() models.Room {
	room := a.Room.model()
	if a.member() {
		m := a.membership()
		room.Membership = &m
	}
	return room
}

func (a access) membership() models.Membership {
	return models.Membership{
		Role: models.Role(a.Role), JoinedAt: models.FromMillis(a.JoinedAt), LastReadID: a.LastReadID,
		UnreadCount: a.Room.MessageCount - a.SeenCount, Muted: a.Muted,
	}
}

// lookAt finds the room that path names for a caller who may read it: a member, or, in a public room, anybody who is
// not banned. A room that the caller may not know of is not_found: the database passes it over, so that whatever follows
// is the same as for one that is not there, and takes as long.
func lookAt(db *gorm.DB, path models.RoomPath, callerID int64) (access, error) {
	a, err := find(db, path, callerID, " AND (r.kind = 'public' OR m.user_id IS NOT NULL)")
	if err == nil && a.Banned && !a.member() {
		err = bannedError(a.BannedUntil)
	}
	return a, err
}

// meet finds the room that path names, whether or not the caller may know of it.
func meet(db *gorm.DB, path models.RoomPath, callerID int64) (access, error) {
	return find(db, path, callerID, "")
}

func find(db *gorm.DB, path models.RoomPath, callerID int64, condition string) (access, error) {
	now := models.Now().Millis()
	where, arg := "r.id = ?", any(path.ID)
	if path.Key != "" {
		where, arg = "r.handle_key = ?", any(path.Key)
	}
	var a access
	found := db.Raw("SELECT "+roomColumns+`, COALESCE(m.role, '') AS role, COALESCE(m.joined_at, 0) AS joined_at,
		COALESCE(m.last_read_id, 0) AS last_read_id, COALESCE(m.seen_count, 0) AS seen_count,
		COALESCE(m.muted, false) AS muted, b.user_id IS NOT NULL AS banned, COALESCE(b.until, 0) AS banned_until
		FROM rooms r LEFT JOIN memberships m ON m.room_id = r.id AND m.user_id = ?
		LEFT JOIN bans b ON b.room_id = r.id AND b.user_id = ? AND (b.until = 0 OR b.until > ?)
		WHERE `+where+condition, callerID, callerID, now, arg).Scan(&a)
	a.CallerID = callerID
	if found.Error == nil && found.RowsAffected == 0 {
		return a, models.NotFound()
	}
	return a, found.Error
}

func bannedError(until int64) error {
	if until == 0 {
		return models.Errorf(models.CodeBanned, "You are banned from this room.")
	}
	return models.Errorf(models.CodeBanned, "You are banned from this room until %s.",
		models.FromMillis(until).Format("2006-01-02 15:04:05 MST"))
}

// asMember is lookAt for what only members may do.
func asMember(db *gorm.DB, path models.RoomPath, callerID int64) (access, error) {
	a, err := lookAt(db, path, callerID)
	if err == nil && !a.member() {
		err = models.Errorf(models.CodeForbidden, "You are not a member of this room; join it first.")
	}
	return a, err
}

// asModerator is lookAt for what moderators and owners may do.
func asModerator(db *gorm.DB, path models.RoomPath, callerID int64) (access, error) {
	a, err := asMember(db, path, callerID)
	if err == nil && !models.Role(a.Role).Moderates() {
		err = models.Errorf(models.CodeForbidden, "Only a moderator or an owner of this room may do that.")
	}
	return a, err
}

// lock holds the room's row until the transaction ends, so that what follows is decided on what stays true until then.
// It says nothing of a room that is not there: the look that follows does.
func (c *change) lock(path models.RoomPath) error {
	if path.Key != "" {
		return c.Exec("SELECT id FROM rooms WHERE handle_key = ?"+c.store.dialect.forUpdate(), path.Key).Error
	}
	return c.Exec("SELECT id FROM rooms WHERE id = ?"+c.store.dialect.forUpdate(), path.ID).Error
}
