package sqlite

import (
	"strings"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// WordsRow is the rowid of a message in message_words. It has room for four billion messages in each of two billion
// rooms, which no SQLite file can have.
func WordsRow(roomID, id int64) int64 { return roomID<<32 | id }

// RoomSeparator stands between room and word. FTS5 takes it for a letter, and no word has it.
const RoomSeparator = "·"

// IndexText implements [database.SearchIndex]. FTS5 splits it at its spaces.
func (Dialect) IndexText(roomID int64, words []string) string {
	return wordindex.RoomWords(roomID, RoomSeparator, words)
}

// InsertWords adds the words of a message to the index.
const InsertWords = "INSERT INTO message_words (rowid, words) VALUES (?, ?)"

// IndexMessages implements [database.SearchIndex].
func (d Dialect) IndexMessages(tx *gorm.DB, messages []database.IndexedMessage) error {
	for _, m := range messages {
		err := database.Exec(tx, "UPDATE messages SET text_start = ?, index_version = "+wordindex.Version+
			" WHERE room_id = ? AND id = ?", m.Start, m.RoomID, m.ID)
		if err != nil {
			return err
		}
		row := WordsRow(m.RoomID, m.ID)
		if err := database.Exec(tx, "DELETE FROM message_words WHERE rowid = ?", row); err != nil {
			return err
		}
		if len(m.Words) == 0 {
			continue
		}
		if err := database.Exec(tx, InsertWords, row, d.IndexText(m.RoomID, m.Words)); err != nil {
			return err
		}
	}
	return nil
}

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
	db *gorm.DB, spans []database.Span, q wordindex.Query, limit int,
) (found []database.Hit, err error) {
	for _, s := range spans {
		var newest []database.Hit
		if s.UpToID-s.ClearedID > largeSpan {
			var head database.Span
			head, s = s.Split()
			unindexed := q
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
		older, err := d.indexedHits(db, s, q, limit-len(newest))
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
	room := wordindex.RoomPrefix(roomID, RoomSeparator)
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
