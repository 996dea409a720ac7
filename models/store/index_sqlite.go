package store

import (
	"strings"

	"gorm.io/gorm"
)

// wordsRow is the number of a message in message_words. It has room for four billion messages in each of two billion
// rooms, which no SQLite file does.
func wordsRow(roomID, id int64) int64 { return roomID<<32 | id }

// roomMarkSQLite stands between room and word. The index takes it for a letter, and no word has it.
const roomMarkSQLite = "·"

// wordText is cut at its spaces by the index.
func (sqliteDialect) wordText(roomID int64, words []string) string {
	return wordList(roomID, roomMarkSQLite, words)
}

const insertWords = "INSERT INTO message_words (rowid, words) VALUES (?, ?)"

func (d sqliteDialect) indexMessages(tx *gorm.DB, messages []indexed) error {
	pool, ctx := tx.Statement.ConnPool, tx.Statement.Context
	for _, m := range messages {
		_, err := pool.ExecContext(ctx, "UPDATE messages SET text_start = ?, index_version = "+indexVersion+" WHERE room_id = ? AND id = ?",
			m.start, m.roomID, m.id)
		if err != nil {
			return err
		}
		if _, err := pool.ExecContext(ctx, "DELETE FROM message_words WHERE rowid = ?", wordsRow(m.roomID, m.id)); err != nil {
			return err
		}
		if len(m.words) == 0 {
			continue
		}
		if _, err := pool.ExecContext(ctx, insertWords, wordsRow(m.roomID, m.id), d.wordText(m.roomID, m.words)); err != nil {
			return err
		}
	}
	return nil
}

const (
	// sqliteWordStatement goes through the rows of the index from the newest on.
	sqliteWordStatement = `SELECT m.created_at, m.room_id, m.id, CASE WHEN ? THEN m.text ELSE '' END FROM message_words
	CROSS JOIN messages m ON m.room_id = message_words.rowid >> 32 AND m.id = message_words.rowid & 4294967295
	WHERE message_words MATCH ? AND message_words.rowid > ? AND message_words.rowid <= ? AND m.deleted_at = 0` + fromLiveSender + `
	ORDER BY message_words.rowid DESC LIMIT ?`
	// sqliteNewestWordStatement reads the messages themselves.
	sqliteNewestWordStatement = `SELECT m.created_at, m.room_id, m.id, m.text FROM messages m
	WHERE m.room_id = ? AND m.id > ? AND m.id <= ? AND +m.deleted_at = 0` + fromLiveSender + ` ORDER BY m.id DESC`
)

// largeSpan is how many messages a span has whose newest are looked at one by one first. The start of a word that very many
// of them have is gathered whole by the index, before it answers the first.
const largeSpan = 50 * newestFirst

func (d sqliteDialect) findWords(db *gorm.DB, spans []span, q wordQuery, limit int) (found []hit, err error) {
	for _, s := range spans {
		var newest []hit
		if s.UpToID-s.ClearedID > largeSpan {
			var head span
			head, s = s.split()
			read := q
			read.exact = false // there is no index that has looked at the text
			newest, err = read.hits(db, limit, sqliteNewestWordStatement, head.RoomID, head.ClearedID, head.UpToID)
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

func (sqliteDialect) indexedHits(db *gorm.DB, s span, q wordQuery, limit int) ([]hit, error) {
	most := limit
	if !q.exact {
		most = -1
	}
	return q.hits(db, limit, sqliteWordStatement, !q.exact, q.sqlite(s.RoomID),
		wordsRow(s.RoomID, s.ClearedID), wordsRow(s.RoomID, s.UpToID), most)
}

// sqlite asks for the words in a room in the syntax of FTS5. Words are letters, marks, digits and signs that are none of
// ASCII: nothing in them could end the quotes.
func (q *wordQuery) sqlite(roomID int64) string {
	var b strings.Builder
	room := roomMark(roomID, roomMarkSQLite)
	for i, w := range q.words {
		if i > 0 {
			b.WriteByte(' ')
		}
		b.WriteString(`"` + room + w.text + `"`)
		if w.start {
			b.WriteByte('*')
		}
	}
	if len(q.before) == 0 {
		return b.String()
	}
	return "(" + b.String() + `) OR ("` + strings.Join(q.before, `" "`) + `")`
}
