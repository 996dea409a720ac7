package store

import (
	"maps"
	"slices"
	"strconv"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// show fills in what messages have beside themselves: their files, and their reactions as the caller sees them.
func show(db *gorm.DB, callerID int64, messages []models.Message) error {
	if err := addFiles(db, messages); err != nil {
		return err
	}
	return addReactions(db, callerID, messages)
}

func addFiles(db *gorm.DB, messages []models.Message) error {
	return addFilesTo(db, pointersTo(messages))
}

func addReactions(db *gorm.DB, callerID int64, messages []models.Message) error {
	return addReactionsTo(db, callerID, pointersTo(messages))
}

func pointersTo(messages []models.Message) []*models.Message {
	list := make([]*models.Message, len(messages))
	for i := range messages {
		list[i] = &messages[i]
	}
	return list
}

// shownMessage is one message with all that it has.
func shownMessage(db *gorm.DB, callerID int64, m models.Message) (models.Message, error) {
	one := []models.Message{m}
	err := show(db, callerID, one)
	return one[0], err
}

// messageName names a message.
type messageName struct{ roomID, id int64 }

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
