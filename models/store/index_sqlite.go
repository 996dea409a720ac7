package store

import (
	"strings"

	"gorm.io/gorm"
)

// wordsRow is the number of a message in message_words. It has room for four billion messages in each of two billion
// rooms, which no SQLite file does.
func wordsRow(roomID, id int64) int64 { return roomID<<32 | id }

// wordText is cut at its spaces by the index.
func (sqliteDialect) wordText(_ int64, words []string) string { return strings.Join(words, " ") }

const insertWords = "INSERT INTO message_words (rowid, words) VALUES (?, ?)"

func (d sqliteDialect) indexMessages(tx *gorm.DB, messages []indexed) error {
	pool, ctx := tx.Statement.ConnPool, tx.Statement.Context
	for _, m := range messages {
		_, err := pool.ExecContext(ctx, "UPDATE messages SET text_start = ? WHERE room_id = ? AND id = ?", m.start, m.roomID, m.id)
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

// sqliteWordStatement goes through the rows of the index from the newest on, and stops at the limit.
const sqliteWordStatement = `SELECT m.created_at, m.room_id, m.id FROM message_words
	CROSS JOIN messages m ON m.room_id = message_words.rowid >> 32 AND m.id = message_words.rowid & 4294967295
	WHERE message_words MATCH ? AND message_words.rowid > ? AND message_words.rowid <= ? AND m.deleted_at = 0` + fromLiveSender + `
	ORDER BY message_words.rowid DESC LIMIT ?`

// Words are letters, marks and digits: nothing in them could end the quotes.
func (sqliteDialect) findWords(db *gorm.DB, spans []span, words []string, limit int) ([]hit, error) {
	query := `"` + strings.Join(words, `" "`) + `"`
	var found []hit
	for _, s := range spans {
		hits, err := queryHits(db, sqliteWordStatement, query, wordsRow(s.RoomID, s.ClearedID), wordsRow(s.RoomID, s.UpToID), limit)
		if err != nil {
			return nil, err
		}
		found = append(found, hits...)
	}
	return found, nil
}
