package database

import (
	"strconv"

	"gorm.io/gorm"
)

// SQLiteName is gorm's name for SQLite.
const SQLiteName = "sqlite"

// IDList returns a list of ids in the form in which a statement takes it after IN, and its one parameter.
func IDList(db *gorm.DB, ids []int64) (in string, arg any) {
	return idList(db, "?", ids)
}

// NumberedIDList is IDList for Query: parameter is the one of the statement that the list is, such as $2.
func NumberedIDList(db *gorm.DB, parameter string, ids []int64) (in string, arg any) {
	return idList(db, parameter, ids)
}

func idList(db *gorm.DB, parameter string, ids []int64) (in string, arg any) {
	if db.Name() == SQLiteName {
		return "(SELECT value FROM json_each(" + parameter + "))", JSONIDs(ids)
	}
	return "(SELECT unnest(CAST(" + parameter + " AS bigint[])))", arrayOf(ids, func(id int64) int64 { return id })
}

// PairTable returns a table v with the columns room_id and id, for a statement, and its parameters. PostgreSQL gets
// arrays, of which it knows the length when it plans.
func PairTable(db *gorm.DB, pairs [][2]int64) (v string, args []any) {
	if db.Name() == SQLiteName {
		return "(SELECT value ->> 0 AS room_id, value ->> 1 AS id FROM json_each(?)) AS v", []any{JSONPairs(pairs)}
	}
	return "unnest(CAST(? AS bigint[]), CAST(? AS bigint[])) AS v (room_id, id)", []any{
		arrayOf(pairs, func(p [2]int64) int64 { return p[0] }), arrayOf(pairs, func(p [2]int64) int64 { return p[1] }),
	}
}

// JSONIDs returns a JSON array of ids, for json_each of SQLite.
func JSONIDs(ids []int64) string { return list('[', ']', ids, appendID) }

// JSONPairs returns a JSON array of arrays of two ids.
func JSONPairs(pairs [][2]int64) string {
	return list('[', ']', pairs, func(b []byte, p [2]int64) []byte {
		b = appendID(append(b, '['), p[0])
		b = appendID(append(b, ','), p[1])
		return append(b, ']')
	})
}

// arrayOf returns an array of numbers in PostgreSQL's syntax.
func arrayOf[T any](values []T, number func(T) int64) string {
	return list('{', '}', values, func(b []byte, v T) []byte { return appendID(b, number(v)) })
}

func appendID(b []byte, id int64) []byte { return strconv.AppendInt(b, id, 10) }

func list[T any](open, end byte, values []T, appendOne func([]byte, T) []byte) string {
	b := []byte{open}
	for i, v := range values {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOne(b, v)
	}
	return string(append(b, end))
}
