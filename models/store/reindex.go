package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

const (
	// toReindex is the condition on messages that have to be indexed again.
	toReindex = "index_version < " + wordindex.Version + " AND deleted_at = 0"
	// reindexRows is the number of messages that are indexed between two looks at the clock: with the longest texts that
	// takes as long as a batch.
	reindexRows = 8
)

// reindexing reports whether there are messages that are not indexed by the current rules yet.
func reindexing(db *gorm.DB) (is bool, err error) {
	err = db.Raw("SELECT EXISTS (SELECT 1 FROM messages WHERE " + toReindex + ")").Scan(&is).Error
	return is, err
}

// reindexMessages indexes some messages again, all of one room: its lock keeps them as they are meanwhile. What is left
// is recorded in the database, so that any node continues where another one ended.
func (s *Store) reindexMessages(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (more bool, err error) {
		var roomID int64
		found := tx.Raw("SELECT room_id FROM messages WHERE " + toReindex + " ORDER BY room_id, id LIMIT 1").Scan(&roomID)
		if found.Error != nil || found.RowsAffected == 0 {
			return false, found.Error
		}
		if ok, err := tx.lockNextRoom(roomID); err != nil || !ok {
			return true, err
		}
		var rows []messageRow
		err = tx.Raw("SELECT id, text FROM messages WHERE room_id = ? AND "+toReindex+" ORDER BY id LIMIT ?",
			roomID, reindexRows).Scan(&rows).Error
		if err != nil {
			return false, err
		}
		messages := make([]database.IndexedMessage, len(rows))
		for i, r := range rows {
			messages[i] = database.IndexedMessage{RoomID: roomID, ID: r.ID, Key: wordindex.KeyOf(r.Text)}
		}
		return true, tx.index(messages)
	})
}

func (tx *transaction) index(messages []database.IndexedMessage) error {
	return tx.store.dialect.IndexMessages(tx.DB, messages)
}

// indexRooms normalizes the names of some rooms that are older than the search by name.
func (s *Store) indexRooms(ctx context.Context) (more bool, err error) {
	_, err = s.write(ctx, func(tx *transaction) error {
		var rooms []roomRow
		err := tx.Raw(`SELECT id, name FROM rooms WHERE kind = 'public' AND name_key IS NULL ORDER BY id LIMIT ?`+
			tx.store.dialect.ForUpdate(), batchRows).Scan(&rooms).Error
		more = len(rooms) == batchRows
		for _, r := range rooms {
			if err == nil {
				err = tx.Exec("UPDATE rooms SET name_key = ? WHERE id = ?", wordindex.NormalizeCase(r.Name), r.ID).Error
			}
		}
		return err
	})
	return more, err
}
