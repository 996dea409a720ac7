package store

import (
	"strings"
	"sync"

	"gorm.io/gorm/schema"
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
