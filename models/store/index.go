package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// searchIndex is the part of a dialect that finds messages by their words. What leaves the index needs no call: the row
// of a message that is deleted goes with it, and a tombstone is found no more, by triggers.
type searchIndex interface {
	// wordText is the words of a message as the index is given them.
	wordText(roomID int64, words []string) string
	// indexMessages replaces what messages are found by.
	indexMessages(tx *gorm.DB, messages []indexed) error
	// findWords finds messages of the spans that hold all of the words: at least the newest, up to limit.
	findWords(db *gorm.DB, spans []span, words []string, limit int) ([]hit, error)
}

// indexed is a message and what it is found by.
type indexed struct {
	roomID, id int64
	searchKey
}

// span is a part of a room's messages: those after ClearedID, up to UpToID.
type span struct {
	RoomID    int64
	Subject   string
	ClearedID int64
	UpToID    int64
	// NewestAt is no earlier than the newest message.
	NewestAt int64
}

// hit is a message that was found.
type hit struct{ createdAt, roomID, id int64 }

func queryHits(db *gorm.DB, statement string, args ...any) (found []hit, err error) {
	rows, err := db.Statement.ConnPool.QueryContext(db.Statement.Context, statement, args...)
	if err != nil {
		return nil, db.AddError(err)
	}
	var h hit
	err = scanRows(rows, func() { found = append(found, h) }, &h.createdAt, &h.roomID, &h.id)
	return found, err
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
				err = c.Exec("UPDATE rooms SET name_key = ? WHERE id = ?", foldCase(r.Name), r.ID).Error
			}
		}
		return err
	})
	return more, err
}

// indexMessages indexes some messages from before messages were searched, all of one room: its lock keeps them as
// they are meanwhile.
func (s *Store) indexMessages(ctx context.Context) (more bool, err error) {
	_, err = s.change(ctx, func(c *change) error {
		var roomID int64
		err := c.Raw("SELECT room_id FROM messages WHERE text_start IS NULL ORDER BY room_id, id LIMIT 1").Scan(&roomID).Error
		more = roomID != 0
		if err != nil || !more {
			return err
		}
		if err := c.lock(models.RoomPath{ID: roomID}); err != nil {
			return err
		}
		var rows []messageRow
		err = c.Raw("SELECT id, text FROM messages WHERE room_id = ? AND text_start IS NULL ORDER BY id LIMIT ?",
			roomID, batchRows).Scan(&rows).Error
		if err != nil {
			return err
		}
		messages := make([]indexed, len(rows))
		for i, r := range rows {
			messages[i] = indexed{roomID, r.ID, searchKeyOf(r.Text)}
		}
		return c.index(messages)
	})
	return more, err
}
