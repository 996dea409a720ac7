package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// access is a room as one caller sees it.
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
	Blocked     bool // a direct room, one of whose two users has blocked the other
}

func (a access) isMember() bool { return a.Role != "" }

func (a access) model() models.Room {
	room := a.Room.model()
	if a.isMember() {
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

// authorizeReader finds the room that path names for a caller who may read it: a member, or, in a public room, anybody
// who is not banned. A room that the caller may not know of is not_found: the database skips it, so that what follows
// is the same as for a room that does not exist, and takes as long.
func authorizeReader(db *gorm.DB, path models.RoomPath, callerID int64) (access, error) {
	a, err := queryAccess(db, path, callerID, " AND (r.kind = 'public' OR m.user_id IS NOT NULL)")
	if err == nil && a.Banned && !a.isMember() {
		err = bannedError(a.BannedUntil)
	}
	return a, err
}

// findRoom finds the room that path names, whether or not the caller may know of it.
func findRoom(db *gorm.DB, path models.RoomPath, callerID int64) (access, error) {
	return queryAccess(db, path, callerID, "")
}

func queryAccess(db *gorm.DB, path models.RoomPath, callerID int64, condition string) (access, error) {
	where, arg := "r.id = $3", any(path.ID)
	if path.Key != "" {
		where, arg = "r.handle_key = $3", any(path.Key)
	}
	a, found := access{CallerID: callerID}, false
	rows := database.Query(db, accessQuery+where+condition, callerID, models.Now().Millis(), arg)
	err := rows.Each(func() { found = true }, append(a.Room.scan(), &a.Role, &a.JoinedAt, &a.LastReadID, &a.UnreadCount,
		&a.Muted, &a.LeftAt, &a.Banned, &a.BannedUntil, &a.Blocked)...)
	if err == nil && !found {
		err = models.NotFound()
	}
	return a, err
}

var accessQuery = "SELECT " + roomColumns + `, COALESCE(m.role, ''), COALESCE(m.joined_at, 0), COALESCE(m.last_read_id,
	0),
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

// authorizeMember is authorizeReader for what only members may do.
func authorizeMember(db *gorm.DB, path models.RoomPath, callerID int64) (access, error) {
	a, err := authorizeReader(db, path, callerID)
	if err == nil && !a.isMember() {
		err = models.Errorf(models.CodeForbidden, "You are not a member of this room; join it first.")
	}
	return a, err
}

// authorizeWriter is authorizeMember for what reaches the others in the room. In a direct room nothing does while one
// of its two users has blocked the other: no reaction, no edit, no file. Messages and typing, which are frequent, check
// the same in directRooms and in Member.Blocked.
func authorizeWriter(db *gorm.DB, path models.RoomPath, callerID int64) (access, error) {
	a, err := authorizeMember(db, path, callerID)
	if err == nil && a.Blocked {
		err = blockedError()
	}
	return a, err
}

// authorizeModerator is authorizeMember for what moderators and owners may do.
func authorizeModerator(db *gorm.DB, path models.RoomPath, callerID int64) (access, error) {
	a, err := authorizeMember(db, path, callerID)
	if err == nil && !models.Role(a.Role).Moderates() {
		err = models.Errorf(models.CodeForbidden, "Only a moderator or an owner of this room may do that.")
	}
	return a, err
}

// lockRoom locks the room's row until the transaction ends, so that what is checked after it stays true until then. It
// returns no error for a room that does not exist: the authorization that follows does.
func (tx *transaction) lockRoom(path models.RoomPath) error {
	if path.Key != "" {
		return database.Exec(tx.DB, "SELECT id FROM rooms WHERE handle_key = ?"+tx.store.dialect.ForUpdate(), path.Key)
	}
	return database.Exec(tx.DB, "SELECT id FROM rooms WHERE id = ?"+tx.store.dialect.ForUpdate(), path.ID)
}

// memberKey identifies the membership of a user in a room.
func memberKey(roomID, userID int64) database.MembershipKey {
	return database.MembershipKey{RoomID: roomID, UserID: userID}
}

// findMember returns the room that path names and what is known of the caller, who must be a member.
func (s *Store) findMember(
	ctx context.Context, callerID int64, path models.RoomPath,
) (roomID int64, m database.Member, err error) {
	known := false
	if path.Key == "" {
		roomID = path.ID
		m, known, err = s.member(ctx, memberKey(roomID, callerID))
	}
	if known || err != nil {
		return roomID, m, err
	}
	// The reason for the refusal, or the room by its handle.
	a, err := authorizeMember(s.read(ctx), path, callerID)
	if err != nil {
		return 0, m, err
	}
	roomID = a.Room.ID
	if m, known, err = s.member(ctx, memberKey(roomID, callerID)); err == nil && !known {
		err = models.NotFound() // no longer a member
	}
	return roomID, m, err
}

// member returns a membership, from the cache if it is there.
func (s *Store) member(ctx context.Context, key database.MembershipKey) (m database.Member, known bool, err error) {
	if _, err := s.readPoint(ctx); err != nil {
		return m, false, err
	}
	m, known, since := getCached(s.cache, s.cache.members, key)
	if known {
		return m, true, nil
	}
	m, known, err = s.members.get(ctx, key)
	if known {
		putCached(s.cache, s.cache.members, key, m, since)
	}
	models.ReadPointOf(ctx).Clear() // the membership may be newer
	return m, known, err
}

func (s *Store) loadMembers(
	ctx context.Context, keys []database.MembershipKey,
) (map[database.MembershipKey]database.Member, error) {
	found := make(map[database.MembershipKey]database.Member, len(keys))
	err := s.dialect.Members(ctx, s.reader, keys, found)
	return found, database.Translate(s.reader, err)
}

// Writer returns the room that path names and the caller's names, for a caller who may write there now.
func (s *Store) Writer(
	ctx context.Context, callerID int64, path models.RoomPath,
) (roomID int64, user models.UserRef, err error) {
	roomID, m, err := s.findMember(ctx, callerID, path)
	if err == nil && m.Blocked {
		err = blockedError()
	}
	return roomID, m.User, err
}

// Member returns the id and the subject of the room that path names, and the caller's names, for a caller who is a
// member.
func (s *Store) Member(ctx context.Context, callerID int64, path models.RoomPath) (models.Room, models.UserRef, error) {
	roomID, m, err := s.findMember(ctx, callerID, path)
	return models.Room{ID: roomID, Subject: m.Subject}, m.User, err
}

// Readable returns the id of the room that path names, for a caller who may read it.
func (s *Store) Readable(ctx context.Context, callerID int64, path models.RoomPath) (roomID int64, err error) {
	if path.Key == "" {
		if _, known, err := s.member(ctx, memberKey(path.ID, callerID)); known || err != nil {
			return path.ID, err
		}
	}
	a, err := authorizeReader(s.read(ctx), path, callerID)
	return a.Room.ID, err
}

// Target returns the id of the room that a message to "#handle" or "@username" belongs to. A direct room is created if
// it does not exist yet.
func (s *Store) Target(ctx context.Context, callerID int64, target string) (int64, error) {
	if target[0] == '@' {
		user, ok := models.ParseUserPath(target, callerID)
		if !ok {
			return 0, models.NotFound()
		}
		var id int64
		_, err := s.write(ctx, func(tx *transaction) (err error) {
			id, err = tx.direct(callerID, user, "target")
			return err
		})
		return id, err
	}
	path, ok := models.ParseRoomPath(target)
	if !ok {
		return 0, models.NotFound()
	}
	a, err := authorizeReader(s.read(ctx), path, callerID)
	return a.Room.ID, err
}
