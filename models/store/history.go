package store

import (
	"context"
	"slices"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// The directions in which a page of history goes on.
const (
	older = "older"
	newer = "newer"
)

// History is a page of a room's messages, oldest first.
func (s *Store) History(ctx context.Context, callerID int64, path models.RoomPath, q models.HistoryQuery) (models.Page[models.Message], error) {
	db := s.read(ctx)
	a, err := lookAt(db, path, callerID)
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	h := history{db: db, callerID: callerID, room: a.Room, query: q}
	direction, from := older, int64(0)
	switch {
	case q.Cursor != "":
		from, direction, err = timeCursor(q.Cursor)
		if err == nil && direction != older && direction != newer {
			err = models.Invalid("cursor", "is not a cursor of this list")
		}
	case q.Around != 0:
		return h.around()
	case q.After != 0:
		direction, from = newer, q.After
	case q.Before != 0:
		from = q.Before
	case !q.Since.IsZero():
		direction = newer
	}
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	return h.page(direction, from)
}

// history reads pages of one room for one reader.
type history struct {
	db       *gorm.DB
	callerID int64
	room     roomRow
	query    models.HistoryQuery
}

// page goes from a message, itself not included, in a direction; from 0 starts at that direction's beginning.
func (h history) page(direction string, from int64) (models.Page[models.Message], error) {
	limit := h.query.Limit
	rows, err := h.rows(direction, from, limit+1)
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	next := ""
	if len(rows) > limit {
		rows = rows[:limit]
		next = cursorOf(rows[limit-1].ID, direction)
	}
	if direction == older {
		slices.Reverse(rows)
	}
	page, err := h.messages(rows)
	page.NextCursor = next
	return page, err
}

func (h history) messages(rows []messageRow) (models.Page[models.Message], error) {
	page := models.Page[models.Message]{Items: make([]models.Message, len(rows))}
	for i, r := range rows {
		page.Items[i] = r.model(h.room)
	}
	return page, show(h.db, h.callerID, page.Items)
}

func (h history) rows(direction string, from int64, limit int) ([]messageRow, error) {
	after, before, err := h.bounds(direction, from)
	if err != nil || before-after < 2 {
		return nil, err
	}
	order := " ORDER BY m.id LIMIT ?"
	if direction == older {
		order = " ORDER BY m.id DESC LIMIT ?"
	}
	var rows []messageRow
	err = h.db.Raw(messageQuery+" AND m.id > ? AND m.id < ?"+order, h.room.ID, after, before, limit).Scan(&rows).Error
	return rows, err
}

// bounds are the ids that a page lies between. There is one bound on each side: of two, SQLite would look up the first
// and read on from there until the other one held.
//
// Times count up with the ids of a room (send.go), so a bound by time is a bound by id.
func (h history) bounds(direction string, from int64) (after, before int64, err error) {
	after, before = h.room.ClearedID, h.room.LastMessageID+1
	switch {
	case from != 0 && direction == older:
		before = min(before, from)
	case from != 0:
		after = max(after, from)
	}
	if !h.query.Since.IsZero() {
		first := before
		err = h.db.Raw("SELECT id FROM messages WHERE room_id = ? AND created_at >= ? ORDER BY created_at, id LIMIT 1",
			h.room.ID, h.query.Since.Millis()).Scan(&first).Error
		after = max(after, first-1)
	}
	if !h.query.Until.IsZero() && err == nil {
		last := after
		err = h.db.Raw("SELECT id FROM messages WHERE room_id = ? AND created_at < ? ORDER BY created_at DESC, id DESC LIMIT 1",
			h.room.ID, h.query.Until.Millis()).Scan(&last).Error
		before = min(before, last+1)
	}
	return after, before, err
}

// around is a page with a message in its middle: it, half a page before it, and the rest after.
func (h history) around() (models.Page[models.Message], error) {
	before, err := h.rows(older, h.query.Around, h.query.Limit/2)
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	slices.Reverse(before)
	after, err := h.rows(newer, h.query.Around-1, h.query.Limit-len(before))
	if err != nil {
		return models.Page[models.Message]{}, err
	}
	return h.messages(append(before, after...))
}
