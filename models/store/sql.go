package store

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// The columns of the tables that are read whole. They are always named: a statement with an asterisk, prepared before a
// newer version in a rolling update adds a column, fails in PostgreSQL after it.
var (
	userColumns        = columnsOf("u", userRow{})
	allRoomColumns     = columnsOf("r", roomRow{}) // roomColumns leaves out what only writes need
	fileColumns        = columnsOf("files", fileRow{})
	sessionColumns     = columnsOf("s", sessionRow{})
	deletedUserColumns = columnsOf("departures", deletedUserRow{})
	flowColumns        = columnsOf("auth_flows", authFlowRow{})
)

// columnsOf lists the columns of a row's type, of the table of that name.
func columnsOf(table string, row any) string {
	parsed, err := schema.Parse(row, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		panic(err) // the types are known at compile time
	}
	names := make([]string, len(parsed.DBNames))
	for i, name := range parsed.DBNames {
		names[i] = table + "." + name
	}
	return strings.Join(names, ", ")
}

// A deleted account or room keeps its row, with a time in deleted_at, until all that it had is purged (janitor.go).
// Statements that look for one read these instead of the tables, and so find none that is deleted.
//
// The names of a deleted account are replaced in its row: what only needs a user's names, such as the sender of a
// tombstone, may read the table.
var (
	liveUsers = "(SELECT " + columnsOf("users", userRow{}) + " FROM users WHERE deleted_at = 0)"
	liveRooms = "(SELECT " + columnsOf("rooms", roomRow{}) + " FROM rooms WHERE deleted_at = 0)"
)

// messageKey identifies a message.
type messageKey struct{ roomID, id int64 }

// messagesByKey are messages, each of which may be in several places.
type messagesByKey map[messageKey][]*models.Message

func groupByKey(list []*models.Message) messagesByKey {
	grouped := make(messagesByKey, len(list))
	for _, m := range list {
		if !m.DeletedAt.IsZero() {
			continue // a tombstone has no files or reactions, though that of a deleted account may still have rows of them
		}
		key := messageKey{m.RoomID, m.ID}
		grouped[key] = append(grouped[key], m)
	}
	return grouped
}

// table is a table v of the messages, as room_id and id, for a statement, and its parameters.
func (m messagesByKey) table(db *gorm.DB) (v string, args []any) {
	pairs := make([][2]int64, 0, len(m))
	for _, key := range slices.Collect(maps.Keys(m)) {
		pairs = append(pairs, [2]int64{key.roomID, key.id})
	}
	return database.PairTable(db, pairs)
}

// What one user or one room may have is limited, so that nothing that is read or changed at once grows without end.
// Each limit is checked after the row was added, and its error takes the row back. Rows that are added at the same
// moment on several nodes may exceed a limit by a few.

// exceeds reports whether a condition holds for more rows than limit. It counts no further.
func (tx *transaction) exceeds(limit int, table, where string, args ...any) (bool, error) {
	var n int
	err := database.Scan(tx.DB, &n, "SELECT count(*) FROM (SELECT 1 FROM "+table+" WHERE "+where+" LIMIT ?) AS counted",
		append(args, limit+1)...)
	return n > limit, err
}

// refuseAbove is an error with a message, which has a %d for the limit, when a condition holds for more rows than
// limit.
func (tx *transaction) refuseAbove(limit int, message, table, where string, args ...any) error {
	exceeded, err := tx.exceeds(limit, table, where, args...)
	if err == nil && exceeded {
		err = models.Errorf(models.CodeForbidden, message, limit)
	}
	return err
}

// value is the string that s points to, "" for nil.
func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}
