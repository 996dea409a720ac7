package store

import (
	"context"

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
	UnreadCount int64
	Muted       bool
	LeftAt      int64 // of a direct room: when the caller left it, 0 while it is in their list
	Banned      bool
	BannedUntil int64
	Closed      bool // a direct room, one of whose two users has blocked the other
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
		UnreadCount: a.UnreadCount, Muted: a.Muted,
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
	where, arg := "r.id = $3", any(path.ID)
	if path.Key != "" {
		where, arg = "r.handle_key = $3", any(path.Key)
	}
	a, found := access{CallerID: callerID}, false
	rows, err := queryIn(db, accessQuery+where+condition, callerID, models.Now().Millis(), arg)
	if err == nil {
		r := &a.Room
		err = judged(db, scanRows(rows, func() { found = true }, append(r.scan(), &a.Role, &a.JoinedAt, &a.LastReadID, &a.UnreadCount, &a.Muted,
			&a.LeftAt, &a.Banned, &a.BannedUntil, &a.Closed)...))
	}
	if err == nil && !found {
		err = models.NotFound()
	}
	return a, err
}

var accessQuery = "SELECT " + roomColumns + `, COALESCE(m.role, ''), COALESCE(m.joined_at, 0), COALESCE(m.last_read_id, 0),
	` + unreadCount + `, COALESCE(m.muted, false), COALESCE(m.left_at, 0), b.user_id IS NOT NULL, COALESCE(b.until, 0),
	EXISTS (SELECT 1 FROM blocks x WHERE x.direct_key = r.direct_key)
	FROM ` + liveRooms + ` r LEFT JOIN memberships m ON m.room_id = r.id AND m.user_id = $1
	LEFT JOIN bans b ON b.room_id = r.id AND b.user_id = $1 AND (b.until = 0 OR b.until > $2) WHERE `

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

// asWriter is asMember for what reaches the others in the room. In a direct room nothing does while one of its two users has
// blocked the other: no reaction, no edit, no file. Messages and typing, of which there are many, ask the same by
// directRooms and by what a standing says.
func asWriter(db *gorm.DB, path models.RoomPath, callerID int64) (access, error) {
	a, err := asMember(db, path, callerID)
	if err == nil && a.Closed {
		err = blockedError()
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

// standing is what the caller is in the room that path names; only a member is anything.
func (s *Store) standing(ctx context.Context, callerID int64, path models.RoomPath) (roomID int64, st standing, err error) {
	known := false
	if path.Key == "" {
		roomID = path.ID
		st, known, err = s.standingIn(ctx, posting{roomID, callerID})
	}
	if known || err != nil {
		return roomID, st, err
	}
	// Why not, or the room by its handle.
	a, err := asMember(s.read(ctx), path, callerID)
	if err != nil {
		return 0, st, err
	}
	roomID = a.Room.ID
	if st, known, err = s.standingIn(ctx, posting{roomID, callerID}); err == nil && !known {
		err = models.NotFound() // gone meanwhile
	}
	return roomID, st, err
}

func (s *Store) standingIn(ctx context.Context, p posting) (st standing, known bool, err error) {
	if s.memory == nil {
		return s.standings.ask(ctx, p)
	}
	st, known, since := recall(s.memory, s.memory.standings, p)
	if known {
		return st, true, nil
	}
	found, err := s.loadStandings(ctx, []posting{p})
	if st, known = found[p]; known {
		remember(s.memory, s.memory.standings, p, st, since)
	}
	return st, known, err
}

func (s *Store) loadStandings(ctx context.Context, asked []posting) (map[posting]standing, error) {
	found := make(map[posting]standing, len(asked))
	err := s.dialect.standings(ctx, s.reader, asked, found)
	return found, judged(s.reader, err)
}

// Writer is the room that path names and the caller's names, for a caller who may write there now.
func (s *Store) Writer(ctx context.Context, callerID int64, path models.RoomPath) (roomID int64, user models.UserRef, err error) {
	roomID, st, err := s.standing(ctx, callerID, path)
	if err == nil && st.closed {
		err = blockedError()
	}
	return roomID, st.user, err
}

// Member is the room that path names, by its id and subject, and the caller's names, for a caller who is in it.
func (s *Store) Member(ctx context.Context, callerID int64, path models.RoomPath) (models.Room, models.UserRef, error) {
	roomID, st, err := s.standing(ctx, callerID, path)
	return models.Room{ID: roomID, Subject: st.subject}, st.user, err
}

// Readable is the id of the room that path names, for a caller who may read it.
func (s *Store) Readable(ctx context.Context, callerID int64, path models.RoomPath) (roomID int64, err error) {
	if path.Key == "" {
		if _, known, err := s.standingIn(ctx, posting{path.ID, callerID}); known || err != nil {
			return path.ID, err
		}
	}
	a, err := lookAt(s.read(ctx), path, callerID)
	return a.Room.ID, err
}
