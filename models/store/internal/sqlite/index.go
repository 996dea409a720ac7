package sqlite

import (
	"encoding/json"
	"errors"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// Two functions write the word index, the table message_words: AddToIndex for new messages, and IndexMessages for those
// that are edited or indexed again. When a message is deleted or becomes a tombstone, no Go code removes its
// words: the triggers messages_forgotten and messages_entombed do (migrations/sqlite/00003_search.sql).

// WordsRow is the rowid of a message in message_words. It has room for four billion messages in each of two billion
// rooms, which no SQLite file can have.
func WordsRow(roomID, id int64) int64 { return roomID<<32 | id }

// roomSeparator stands between room and word. FTS5 takes it for a letter, and no word has it.
const roomSeparator = "·"

// indexText returns the words of a message as FTS5 takes them, which splits them at the spaces.
func indexText(m database.IndexedMessage) string {
	return wordindex.RoomWords(m.RoomID, roomSeparator, m.Words)
}

// InsertWords adds the words of a message to the index.
const InsertWords = "INSERT INTO message_words (rowid, words) VALUES (?, ?)"

// addWords is InsertWords for messages that are as they were sent. It replaces the words of one that is in the index
// already: it was indexed again before it was indexed at all. It is one statement for all messages, since FTS5 writes
// out what it has before each statement that may have to be undone by itself.
const addWords = `INSERT OR REPLACE INTO message_words (rowid, words)
	SELECT (m.room_id << 32) | m.id, j.value ->> 2 FROM json_each(?) AS j
	CROSS JOIN messages m ON m.room_id = j.value ->> 0 AND m.id = j.value ->> 1
	WHERE m.edited_at = 0 AND m.deleted_at = 0`

// IndexState implements [database.SearchIndex].
func (Dialect) IndexState(db *gorm.DB) (s database.IndexState, err error) {
	err = database.Query(db, "SELECT position, EXISTS (SELECT 1 FROM messages WHERE "+database.ToReindex+
		") FROM word_index WHERE id = 1").Each(func() {}, &s.Position, &s.Outdated)
	return s, err
}

// AddToIndex implements [database.SearchIndex].
func (Dialect) AddToIndex(tx *gorm.DB, messages []database.IndexedMessage) error {
	rows := make([][3]any, 0, len(messages))
	for _, m := range messages {
		if len(m.Words) > 0 {
			rows = append(rows, [3]any{m.RoomID, m.ID, indexText(m)})
		}
	}
	list, err := json.Marshal(rows)
	if err != nil {
		return err
	}
	return database.ExecDirect(tx, addWords, string(list))
}

// insertMessages stores new messages.
func (c *sqliteConn) insertMessages(posts []*database.Post) error {
	message, err := c.statement(`INSERT INTO messages
		(room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, sender_seq, index_version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ` + wordindex.Version + `)`)
	if err != nil {
		return err
	}
	for _, p := range posts {
		m := p.Message
		err = message.run(m.RoomID, m.ID, m.Sender.ID, string(m.Type), m.Text, m.ReplyTo, m.ClientID, m.CreatedAt.Millis(),
			p.TextStart, p.SenderSeq)
		if err != nil {
			break
		}
	}
	return errors.Join(err, message.Close())
}

// IndexMessages implements [database.SearchIndex].
func (Dialect) IndexMessages(tx *gorm.DB, messages []database.IndexedMessage) error {
	for _, m := range messages {
		err := database.ExecDirect(tx, "UPDATE messages SET text_start = ?, index_version = "+wordindex.Version+
			" WHERE room_id = ? AND id = ?", m.Start, m.RoomID, m.ID)
		if err != nil {
			return err
		}
		row := WordsRow(m.RoomID, m.ID)
		if err := database.ExecDirect(tx, "DELETE FROM message_words WHERE rowid = ?", row); err != nil {
			return err
		}
		if len(m.Words) == 0 {
			continue
		}
		if err := database.ExecDirect(tx, InsertWords, row, indexText(m)); err != nil {
			return err
		}
	}
	return nil
}
