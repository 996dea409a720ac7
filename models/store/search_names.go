package store

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// namePosition is the position of an item in a list in the order of names: by its name when the list began.
type namePosition struct {
	part int64
	key  string
	id   int64
}

func (n namePosition) compare(other namePosition) int {
	return cmp.Or(cmp.Compare(n.part, other.part), cmp.Compare(n.key, other.key), cmp.Compare(n.id, other.id))
}

// startNames returns where a list in the order of names begins, or continues.
func startNames(db *gorm.DB, of list, given string) (cursor, error) {
	after, goesOn, err := of.after(given)
	if err != nil {
		return after, err
	}
	newest, err := countRenames(db)
	if goesOn {
		after.begun = max(after.begun, newest-renamesReach)
	} else {
		after.begun = newest
	}
	return after, err
}

// mergeByName merges two parts of a list that were read one after the other: the items that kept their name since the
// list began, and then those that did not. An item that was renamed between the two is in both, at the same position.
func mergeByName[R any](kept, renamed []R, place func(R) namePosition, limit int) []R {
	if len(renamed) == 0 {
		return kept
	}
	all := slices.Concat(kept, renamed)
	slices.SortFunc(all, func(a, b R) int { return place(a).compare(place(b)) })
	all = slices.CompactFunc(all, func(a, b R) bool { return place(a) == place(b) })
	return all[:min(len(all), limit)]
}

// lowerBound returns what a part of a list in the order of names that start with from comes after. There is one bound,
// not two: of two, SQLite would look up the first and read on from there until the other one held.
func lowerBound(from string, after cursor) (key string, id int64) {
	if after.key < from {
		return from, 0
	}
	return after.key, after.id
}

// cursor returns n as a cursor of the list of another cursor.
func (n namePosition) cursor(of cursor) cursor {
	of.at, of.key, of.id = n.part, n.key, n.id
	return of
}

// foundUser is a user and the username_key of their position in the list.
type foundUser struct {
	User userRow `gorm:"embedded"`
	Key  string
}

func (r foundUser) model() models.User { return r.User.model() }

func (r foundUser) position() namePosition { return namePosition{key: r.Key, id: r.User.ID} }

var (
	keptUsers = "SELECT " + userColumns + `, u.username_key AS key FROM ` + liveUsers + ` u
	WHERE (u.username_key, u.id) > (?, ?) AND u.username_key < ?
	AND u.id NOT IN (SELECT n.user_id FROM renames n WHERE n.seq > ?) ORDER BY u.username_key, u.id LIMIT ?`

	renamedUsers = "SELECT " + userColumns + `, w.handle_key AS key FROM ` + renamedSince("user_id") + ` w JOIN ` +
		liveUsers + ` u ON u.id = w.id
	WHERE (w.handle_key, u.id) > (?, ?) AND w.handle_key < ? AND u.username_key >= ? AND u.username_key < ?
	ORDER BY w.handle_key, u.id LIMIT ?`
)

// Users finds users by the start of their username, in the order of the usernames when the list began.
func (s *Store) Users(ctx context.Context, q models.UserSearch) (models.Page[models.User], error) {
	db := s.read(ctx)
	after, err := startNames(db, list{kind: listUsers}, q.Cursor)
	if err != nil {
		return models.Page[models.User]{}, err
	}
	from, to := wordindex.PrefixRange(models.NameStart(q.Prefix))
	key, id := lowerBound(from, after)
	var kept, renamed []foundUser
	if err := database.Scan(db, &kept, keptUsers, key, id, to, after.begun, q.Limit+1); err != nil {
		return models.Page[models.User]{}, err
	}
	err = database.Scan(db, &renamed, renamedUsers, after.begun, key, id, to, from, to, q.Limit+1)
	if err != nil {
		return models.Page[models.User]{}, err
	}
	rows := mergeByName(kept, renamed, foundUser.position, q.Limit+1)
	return pageOf(rows, q.Limit, foundUser.model, func(r foundUser) cursor { return r.position().cursor(after) }), nil
}

// The list of found rooms has two parts, each in an order that an index has: first those whose handle has the prefix,
// by handle, then those where only the name has it, by name.
const (
	partHandles int64 = iota
	partNames
)

// foundRoom is a room and its position in the list.
type foundRoom struct {
	Access access `gorm:"embedded"`
	Part   int64
	Key    string
}

func (r foundRoom) model() models.Room { return r.Access.model() }

func (r foundRoom) position() namePosition { return namePosition{r.Part, r.Key, r.Access.Room.ID} }

// SearchRooms finds public rooms by the start of their handle or name, in the order of these when the list began. Rooms
// that the caller is banned from are left out.
func (s *Store) SearchRooms(
	ctx context.Context, callerID int64, q models.RoomSearch,
) (models.Page[models.Room], error) {
	db := s.read(ctx)
	first, err := startNames(db, list{kind: listFoundRooms}, q.Cursor)
	if err != nil {
		return models.Page[models.Room]{}, err
	}
	search := roomSearch{db: db, callerID: callerID, subject: q.Subject, begun: first.begun, limit: q.Limit + 1}
	if q.Prefix != nil {
		search.handle, search.name = models.NameStart(*q.Prefix), wordindex.NormalizeCase(*q.Prefix)
	}
	var rows []foundRoom
	after := first
	if after.at == partHandles {
		if rows, err = search.handles(after); err != nil {
			return models.Page[models.Room]{}, err
		}
		after = cursor{}
	}
	if search.limit -= len(rows); search.limit > 0 {
		byName, err := search.names(after)
		if err != nil {
			return models.Page[models.Room]{}, err
		}
		rows = append(rows, byName...)
	}
	return pageOf(rows, q.Limit, foundRoom.model, func(r foundRoom) cursor { return r.position().cursor(first) }), nil
}

// roomSearch reads the parts of the list. An empty prefix of a handle or a name matches all.
type roomSearch struct {
	db           *gorm.DB
	callerID     int64
	handle, name string
	subject      string
	begun        int64
	limit        int
}

// foundRooms are public rooms, with what w calls the key of their position in the list.
var foundRooms = "SELECT " + roomColumns + `, COALESCE(m.role, '') AS role, COALESCE(m.joined_at, 0) AS joined_at,
	COALESCE(m.last_read_id, 0) AS last_read_id, ` + unreadCount + ` AS unread_count,
	COALESCE(m.muted, false) AS muted, COALESCE($w.$key, '') AS key
	FROM $from LEFT JOIN memberships m ON m.room_id = r.id AND m.user_id = ? WHERE r.kind = 'public'
	AND (m.user_id IS NOT NULL OR NOT EXISTS (SELECT 1 FROM bans b
		WHERE b.room_id = r.id AND b.user_id = ? AND (b.until = 0 OR b.until > ?)))`

// handles returns the rooms whose handle had the prefix when the list began.
func (s roomSearch) handles(after cursor) ([]foundRoom, error) {
	from, to := wordindex.PrefixRange(s.handle)
	key, id := lowerBound(from, after)
	return s.rooms(partHandles, "handle_key", "", key, id, to)
}

// names returns the rooms where only the name had it.
func (s roomSearch) names(after cursor) ([]foundRoom, error) {
	from, to := wordindex.PrefixRange(s.name)
	key, id := lowerBound(from, after)
	fromHandle, toHandle := wordindex.PrefixRange(s.handle)
	return s.rooms(partNames, "name_key", " AND ($w.handle_key IS NULL OR $w.handle_key < ? OR $w.handle_key >= ?)",
		key, id, to, fromHandle, toHandle)
}

// rooms reads a part by a key, with a further condition and the arguments of both.
func (s roomSearch) rooms(part int64, key, condition string, args ...any) ([]foundRoom, error) {
	query := foundRooms + " AND ($w.$key, r.id) > (?, ?) AND $w.$key < ?" + condition
	caller := []any{s.callerID, s.callerID, models.Now().Millis()}
	if s.subject != "" {
		query += " AND r.subject = ? AND r.subject <> ''"
		args = append(args, s.subject)
	}
	read := func(w, from, more string, args ...any) (rows []foundRoom, err error) {
		text := strings.NewReplacer("$from", from, "$w", w, "$key", key).Replace(query + more +
			" ORDER BY $w.$key, r.id LIMIT ?")
		err = database.Scan(s.db, &rows, text, append(args, s.limit)...)
		for i := range rows {
			rows[i].Part = part
		}
		return rows, err
	}
	kept, err := read("r", liveRooms+" r", " AND r.id NOT IN (SELECT n.room_id FROM renames n WHERE n.seq > ?)",
		slices.Concat(caller, args, []any{s.begun})...)
	if err != nil {
		return nil, err
	}
	fromHandle, toHandle := wordindex.PrefixRange(s.handle)
	fromName, toName := wordindex.PrefixRange(s.name)
	renamed, err := read("w", renamedSince("room_id")+" w JOIN "+liveRooms+" r ON r.id = w.id",
		" AND (r.handle_key >= ? AND r.handle_key < ? OR r.name_key >= ? AND r.name_key < ?)",
		slices.Concat([]any{s.begun}, caller, args, []any{fromHandle, toHandle, fromName, toName})...)
	return mergeByName(kept, renamed, foundRoom.position, s.limit), err
}

// Most lists are in an order that never changes for an item. Two are not: rooms are listed by their newest activity,
// and users and rooms are found in the order of their names. All pages of such a list are in the order of the moment
// when it began, so that what moves between two pages is neither skipped nor repeated:
//
//   - The activity of a room as of a position of the log: the event of each message has the position of the one before
//     it in the room, and when the room was active before it. Starting with the newest, the first one after the
//     position is soon found; of most rooms, the newest is not after it.
//   - The names as of a number of renames: each rename keeps the previous keys of the user or the room, with a number
//     in the order of the commits. There are few.
//
// Changes whose events are no longer kept count as if they had been made before the list began. So do changes further
// back than a list reaches, so that one page never reads through a week of events.
const (
	activityReach = 100_000 // positions of the log
	renamesReach  = 10_000  // renames
)

// rename is what a user or a room was found by until now.
type rename struct {
	userID, roomID int64
	handleKey      *string // a user's username_key
	nameKey        string
}

// renameUser records that a user is about to get another username.
func (tx *transaction) renameUser(u userRow) {
	tx.renames = append(tx.renames, rename{userID: u.ID, handleKey: &u.UsernameKey})
}

// renameRoom records that a room is about to get another handle or name.
func (tx *transaction) renameRoom(roomID int64) error {
	var was struct{ HandleKey, NameKey *string }
	err := database.Scan(tx.DB, &was, "SELECT handle_key, name_key FROM rooms WHERE id = ?", roomID)
	tx.renames = append(tx.renames, rename{roomID: roomID, handleKey: was.HandleKey, nameKey: value(was.NameKey)})
	return err
}

// storeRenames stores the renames, numbered from after a number on.
func (tx *transaction) storeRenames(after int64) error {
	for i, r := range tx.renames {
		err := database.Exec(tx.DB,
			"INSERT INTO renames (seq, user_id, room_id, handle_key, name_key, renamed_at) VALUES (?, ?, ?, ?, "+
				"?, ?)",
			after+int64(i)+1, r.userID, r.roomID, r.handleKey, r.nameKey, models.Now().Millis())
		if err != nil {
			return err
		}
	}
	return nil
}

// countRenames returns the number of the newest rename.
func countRenames(db *gorm.DB) (n int64, err error) {
	err = database.Scan(db, &n, "SELECT renames FROM event_head WHERE id = 1")
	return n, err
}

// renamedSince is the SQL for what users (with "user_id") or rooms (with "room_id") were found by as of a number of
// renames, as far as that has changed since: with the columns id, handle_key and name_key. Its argument is that number.
func renamedSince(column string) string {
	return `(SELECT n.` + column + ` AS id, n.handle_key, n.name_key FROM renames n WHERE n.seq IN
		(SELECT min(x.seq) FROM renames x WHERE x.seq > ? AND x.` + column + ` <> 0 GROUP BY x.` + column + `))`
}
