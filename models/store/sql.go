package store

import (
	"context"
	"database/sql"
	"errors"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"

	"gorm.io/gorm"
	"gorm.io/gorm/schema"

	"github.com/parley-chat/parley/models"
)

// query runs a statement past gorm, which takes each row apart by reflection: what is read all the time is scanned by hand.
// The parameters are $1, $2 and so on, in the order in which the text first names them; both databases take them so.
//
// SQLite compiles a statement anew each time when a LIMIT is nothing but a parameter: it looks at the value. Hence "+ 0".
func (s *Store) query(ctx context.Context, statement string, args ...any) (*sql.Rows, error) {
	return queryIn(s.read(ctx), statement, args...)
}

// queryIn is query on db, which may be a transaction.
func queryIn(db *gorm.DB, statement string, args ...any) (*sql.Rows, error) {
	rows, err := db.Statement.ConnPool.QueryContext(db.Statement.Context, statement, args...)
	return rows, judged(db, err)
}

// scanRows scans each row into dest, calls got, and closes rows.
func scanRows(rows *sql.Rows, got func(), dest ...any) error {
	return scanWhile(rows, func() bool { got(); return true }, dest...)
}

// scanWhile is scanRows that reads no further once got reports false.
func scanWhile(rows *sql.Rows, got func() bool, dest ...any) error {
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return errors.Join(err, rows.Close())
		}
		if !got() {
			break
		}
	}
	return errors.Join(rows.Err(), rows.Close())
}

// The columns of the tables that are read whole. They are always named: a statement with an asterisk, prepared before a
// newer version in a rolling update adds a column, fails in PostgreSQL after it.
var (
	userColumns      = columnsOf("u", userRow{})
	wholeRoom        = columnsOf("r", roomRow{}) // roomColumns leaves out what only changes need
	fileColumns      = columnsOf("files", fileRow{})
	sessionColumns   = columnsOf("s", sessionRow{})
	departureColumns = columnsOf("departures", departureRow{})
	flowColumns      = columnsOf("auth_flows", authFlowRow{})
)

// columnsOf lists the columns of a row's type, of the table of that name.
func columnsOf(table string, row any) string {
	parsed, err := schema.Parse(row, &sync.Map{}, schema.NamingStrategy{})
	if err != nil {
		panic(err) // the types are known when this is compiled
	}
	names := make([]string, len(parsed.DBNames))
	for i, name := range parsed.DBNames {
		names[i] = table + "." + name
	}
	return strings.Join(names, ", ")
}

// An account or a room that was deleted keeps its row, with a time in deleted_at, until all that it had is purged
// (purge.go). Statements that look for one read these instead of the tables, and so find none that is gone.
//
// The names of an account that was deleted are replaced in its row: what only wants to know how somebody is called, like
// the sender of a tombstone, may read the table.
var (
	liveUsers = "(SELECT " + columnsOf("users", userRow{}) + " FROM users WHERE deleted_at = 0)"
	liveRooms = "(SELECT " + columnsOf("rooms", roomRow{}) + " FROM rooms WHERE deleted_at = 0)"
)

// fromLiveSender is the condition on messages that their sender has not deleted their account. They are tombstones to come,
// and read as such already (messageColumns); what looks for messages passes them over.
const fromLiveSender = " AND sender_id NOT IN (SELECT user_id FROM departures)"

// messages are where a message stands, once or more often.
type messages map[messageName][]*models.Message

func messagesNamed(list []*models.Message) messages {
	named := make(messages, len(list))
	for _, m := range list {
		if !m.DeletedAt.IsZero() {
			continue // a tombstone has nothing, though that of a deleted account may have to lose it yet
		}
		name := messageName{m.RoomID, m.ID}
		named[name] = append(named[name], m)
	}
	return named
}

// table is a table v of the messages, as room_id and id, for a statement, and its parameters. PostgreSQL gets arrays: of
// those it knows how long they are.
func (m messages) table(db *gorm.DB) (v string, args []any) {
	names := slices.Collect(maps.Keys(m))
	if db.Name() == sqliteName {
		return "(SELECT value ->> 0 AS room_id, value ->> 1 AS id FROM json_each(?)) AS v", []any{
			jsonList(names, func(b []byte, n messageName) []byte {
				b = strconv.AppendInt(append(b, '['), n.roomID, 10)
				b = strconv.AppendInt(append(b, ','), n.id, 10)
				return append(b, ']')
			}),
		}
	}
	return "unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) AS v (room_id, id)", []any{
		arrayOf(names, func(n messageName) int64 { return n.roomID }), arrayOf(names, func(n messageName) int64 { return n.id }),
	}
}

// numbers is a list of numbers as a statement takes it behind IN, and its parameter.
func numbers(db *gorm.DB, list []int64) (in string, arg any) {
	if db.Name() == sqliteName {
		return "(SELECT value FROM json_each(?))", jsonList(list, appendNumber)
	}
	return "(SELECT unnest(CAST(? AS bigint[])))", arrayOf(list, func(n int64) int64 { return n })
}

// arrayOf is an array of numbers, as PostgreSQL reads it.
func arrayOf[T any](list []T, number func(T) int64) string {
	b := []byte{'{'}
	for i, v := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendNumber(b, number(v))
	}
	return string(append(b, '}'))
}

// sqliteName is gorm's name for SQLite.
const sqliteName = "sqlite"

// messageName names a message.
type messageName struct{ roomID, id int64 }

// What one user or one room may have is bounded, so that nothing that is read or changed at one go grows without end. Each
// bound is looked at behind the row that may be one too many, which takes the row back. Rows that are added at the same
// moment on several nodes may be a few more.

// exceeds reports whether a condition holds for more rows than most. It counts no further.
func (c *change) exceeds(most int, table, where string, args ...any) (bool, error) {
	var n int
	err := c.Raw("SELECT count(*) FROM (SELECT 1 FROM "+table+" WHERE "+where+" LIMIT ?) AS counted", append(args, most+1)...).Scan(&n).Error
	return n > most, err
}

// refuseBeyond is an error with a message, which names the bound, when a condition holds for more rows than most.
func (c *change) refuseBeyond(most int, message, table, where string, args ...any) error {
	beyond, err := c.exceeds(most, table, where, args...)
	if err == nil && beyond {
		err = models.Errorf(models.CodeForbidden, message, most)
	}
	return err
}

func value(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func isNotFound(err error) bool {
	var known *models.Error
	return errors.As(err, &known) && known.Code == models.CodeNotFound
}
