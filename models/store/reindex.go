package store

import (
	"context"

	"gorm.io/gorm"
)

const (
	// wordindex.Version is the version of the rules by which messages are folded and cut into words (fold.go, words.go); each
	// message says by which one it is indexed. Whoever changes the rules counts it up, in a migration also that of the
	// index messages_to_reindex, and sees to it that what is not indexed anew yet is still found (words_before.go).
	indexVersion = "1"
	// toReindex is the condition on messages that they are to be indexed anew.
	toReindex = "index_version < " + wordindex.Version + " AND deleted_at = 0"
	// reindexRows is how many messages are indexed anew between two looks at the clock: at the longest texts that takes as
	// long as a batch.
	reindexRows = 8
)

// reindexing reports whether there are messages that are not indexed by the rules of today yet.
func reindexing(db *gorm.DB) (is bool, err error) {
	err = db.Raw("SELECT EXISTS (SELECT 1 FROM messages WHERE " + toReindex + ")").Scan(&is).Error
	return is, err
}

// reindexMessages indexes some messages anew. They are all of one room, as far as it has enough: its lock keeps them as
// they are meanwhile. What is left to do says the database, so that any node goes on where another one ended.
func (s *Store) reindexMessages(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(c *change) (more bool, err error) {
		var roomID int64
		found := c.Raw("SELECT room_id FROM messages WHERE " + toReindex + " ORDER BY room_id, id LIMIT 1").Scan(&roomID)
		if found.Error != nil || found.RowsAffected == 0 {
			return false, found.Error
		}
		if ok, err := c.lockNext(roomID); err != nil || !ok {
			return true, err
		}
		var rows []messageRow
		err = c.Raw("SELECT id, text FROM messages WHERE room_id = ? AND "+toReindex+" ORDER BY id LIMIT ?",
			roomID, reindexRows).Scan(&rows).Error
		if err != nil {
			return false, err
		}
		messages := make([]indexed, len(rows))
		for i, r := range rows {
			messages[i] = indexed{roomID, r.ID, wordindex.KeyOf(r.Text)}
		}
		return true, c.index(messages)
	})
}

func (c *change) index(messages []indexed) error {
	return c.store.dialect.indexMessages(c.DB, messages)
}

// indexRooms folds the names of some rooms from before names were searched.
func (s *Store) indexRooms(ctx context.Context) (more bool, err error) {
	_, err = s.change(ctx, func(c *change) error {
		var rooms []roomRow
		err := c.Raw(`SELECT id, name FROM rooms WHERE kind = 'public' AND name_key IS NULL ORDER BY id LIMIT ?`+
			c.store.dialect.forUpdate(), batchRows).Scan(&rooms).Error
		more = len(rooms) == batchRows
		for _, r := range rooms {
			if err == nil {
				err = c.Exec("UPDATE rooms SET name_key = ? WHERE id = ?", wordindex.NormalizeCase(r.Name), r.ID).Error
			}
		}
		return err
	})
	return more, err
}
