package sqlite

import (
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

const (
	// WordStatement goes through the rows of the index, the newest first.
	WordStatement = `SELECT m.created_at, m.room_id, m.id, CASE WHEN ? THEN m.text ELSE '' END FROM message_words
	CROSS JOIN messages m ON m.room_id = message_words.rowid >> 32 AND m.id = message_words.rowid & 4294967295
	WHERE message_words MATCH ? AND message_words.rowid > ? AND message_words.rowid <= ?
	AND m.deleted_at = 0` + database.FromLiveSender + ` ORDER BY message_words.rowid DESC LIMIT ?`
	// NewestWordStatement reads the messages themselves.
	NewestWordStatement = `SELECT m.created_at, m.room_id, m.id, m.text FROM messages m
	WHERE m.room_id = ? AND m.id > ? AND m.id <= ? AND +m.deleted_at = 0` + database.FromLiveSender + ` ORDER BY m.id DESC`
)

// largeSpan is the number of messages of a span from which on its newest ones are read one by one first. FTS5 collects
// all messages with a word's prefix before it returns the first one.
const largeSpan = 50 * database.NewestFirst

// FindWords implements [database.SearchIndex].
func (d Dialect) FindWords(
	db *gorm.DB, spans []database.Span, q database.WordQuery, limit int,
) (found []database.Hit, err error) {
	for _, s := range spans {
		var newest []database.Hit
		if s.UpToID-s.ClearedID > largeSpan {
			var head database.Span
			head, s = s.Split()
			unindexed := q.Query
			unindexed.Exact = false // no index has looked at the text
			newest, err = database.ReadHits(db, unindexed, limit, ignore, NewestWordStatement,
				head.RoomID, head.ClearedID, head.UpToID)
			if err != nil {
				return nil, err
			}
			found = append(found, newest...)
		}
		if len(newest) == limit {
			continue
		}
		older, err := d.indexedHits(db, s, q.Query, limit-len(newest))
		if err != nil {
			return nil, err
		}
		found = append(found, older...)
	}
	return found, nil
}

func ignore(database.Hit) {}

func (Dialect) indexedHits(db *gorm.DB, s database.Span, q wordindex.Query, limit int) ([]database.Hit, error) {
	most := limit
	if !q.Exact {
		most = -1
	}
	return database.ReadHits(db, q, limit, ignore, WordStatement, !q.Exact, MatchExpression(q, s.RoomID),
		WordsRow(s.RoomID, s.ClearedID), WordsRow(s.RoomID, s.UpToID), most)
}

// MatchExpression returns a query for words in a room in the syntax of FTS5. Words have letters, marks, digits and
// signs outside of ASCII: nothing in them can end the quotes.
func MatchExpression(q wordindex.Query, roomID int64) string {
	var b strings.Builder
	room := wordindex.RoomPrefix(roomID, roomSeparator)
	for i, w := range q.Words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(`"` + room + w.Text + `"`)
		if w.Prefix {
			b.WriteByte('*')
		}
	}
	if len(q.Legacy) == 0 {
		return b.String()
	}
	return "(" + b.String() + `) OR ("` + strings.Join(q.Legacy, `" "`) + `")`
}
