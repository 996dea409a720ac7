package sqlite

import (
	"errors"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// Two functions write the word index, the table message_words: insertMessages for new messages, and IndexMessages for
// those that are edited or indexed again. When a message is deleted or becomes a tombstone, no Go code removes its
// words: the triggers messages_forgotten and messages_entombed do (migrations/sqlite/00003_search.sql).

// WordsRow is the rowid of a message in message_words. It has room for four billion messages in each of two billion
// rooms, which no SQLite file can have.
func WordsRow(roomID, id int64) int64 { return roomID<<32 | id }

// roomSeparator stands between room and word. FTS5 takes it for a letter, and no word has it.
const roomSeparator = "·"

// IndexText implements [database.SearchIndex]. FTS5 splits it at its spaces.
func (Dialect) IndexText(roomID int64, words []string) string {
	return wordindex.RoomWords(roomID, roomSeparator, words)
}

// InsertWords adds the words of a message to the index.
const InsertWords = "INSERT INTO message_words (rowid, words) VALUES (?, ?)"

// insertMessages stores new messages, and adds their words to the index.
func (c *sqliteConn) insertMessages(posts []*database.Post) error {
	message, err := c.statement(`INSERT INTO messages
		(room_id, id, sender_id, type, text, reply_to, client_id, created_at, text_start, sender_seq, index_version)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ` + wordindex.Version + `)`)
	if err != nil {
		return err
	}
	words, err := c.statement(InsertWords)
	if err != nil {
		return errors.Join(err, message.Close())
	}
	for _, p := range posts {
		m := p.Message
		err = message.run(m.RoomID, m.ID, m.Sender.ID, string(m.Type), m.Text, m.ReplyTo, m.ClientID, m.CreatedAt.Millis(),
			p.TextStart, p.SenderSeq)
		if err == nil && p.Words != "" {
			err = words.run(WordsRow(m.RoomID, m.ID), p.Words)
		}
		if err != nil {
			break
		}
	}
	return errors.Join(err, message.Close(), words.Close())
}

// IndexMessages implements [database.SearchIndex].
func (d Dialect) IndexMessages(tx *gorm.DB, messages []database.IndexedMessage) error {
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
		if err := database.ExecDirect(tx, InsertWords, row, d.IndexText(m.RoomID, m.Words)); err != nil {
			return err
		}
	}
	return nil
}
