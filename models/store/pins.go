package store

import (
	"context"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

type pinRow struct {
	Message   messageRow `gorm:"embedded"`
	PinnedBy  int64
	PinnedAt  int64
	ByName    string
	ByDisplay string
}

// pinQuery reads the pins of a room that are newer than its last clearing.
const pinQuery = `SELECT ` + messageColumns + `, p.pinned_by, p.pinned_at, COALESCE(o.username, ` + deletedUsername +
	`) AS by_name,
	COALESCE(o.display_name, ` + deletedDisplayName + `) AS by_display
	FROM pins p JOIN messages m ON m.room_id = p.room_id AND m.id = p.message_id LEFT JOIN users u ON u.id = m.sender_id
	LEFT JOIN users o ON o.id = p.pinned_by WHERE p.room_id = ? AND p.message_id > ?` + database.FromLiveSender

func (r pinRow) model(room roomRow) models.Pin {
	return models.Pin{
		Message:  r.Message.model(room),
		PinnedBy: models.UserRef{ID: r.PinnedBy, Username: r.ByName, DisplayName: r.ByDisplay},
		PinnedAt: models.FromMillis(r.PinnedAt),
	}
}

// Pins lists the pinned messages of a room that the caller may read, the newest message first.
func (s *Store) Pins(
	ctx context.Context, callerID int64, path models.RoomPath, page models.Paging,
) (models.Page[models.Pin], error) {
	empty := models.Page[models.Pin]{Items: []models.Pin{}}
	db := s.read(ctx)
	a, err := authorizeReader(db, path, callerID)
	if err != nil {
		return empty, err
	}
	of := list{listPins, a.Room.ID}
	after, goesOn, err := of.after(page.Cursor)
	if err != nil {
		return empty, err
	}
	if !goesOn {
		after.id = noMessage
	}
	rows, cut, err := scanPage(db, func(r *pinRow) string { return r.Message.Text },
		pinQuery+" AND p.message_id < ? ORDER BY p.message_id DESC LIMIT ?",
		a.Room.ID, a.Room.ClearedID, after.id, page.Limit+1)
	if err != nil {
		return empty, err
	}
	at := func(r pinRow) cursor { return cursor{list: of, id: r.Message.ID} }
	pins := pageOf(rows, page.Limit, func(r pinRow) models.Pin { return r.model(a.Room) }, at)
	messages := make([]models.Message, len(pins.Items))
	for i, p := range pins.Items {
		messages[i] = p.Message
	}
	err = fillMessages(db, callerID, messages)
	for i := range pins.Items {
		pins.Items[i].Message = messages[i]
	}
	if n := countFitting(messages); cut || n < len(messages) {
		pins.Items = pins.Items[:n]
		pins.NextCursor = at(rows[n-1]).String()
	}
	return pins, err
}

// lockPinnable is lockMessage for callers who may pin. Others are refused whether or not there is such a message.
func (tx *transaction) lockPinnable(callerID int64, path models.RoomPath, id int64) (access, messageRow, error) {
	a, row, err := tx.lockMessage(authorizeWriter, callerID, path, id)
	if a.Room.ID != 0 && unlessNotFound(err) == nil && !models.Role(a.Role).Moderates() {
		err = models.Errorf(models.CodeForbidden, "Only a moderator or an owner of this room may pin messages.")
	}
	return a, row, err
}

// Pin pins a message. It does nothing for one that is pinned.
func (s *Store) Pin(
	ctx context.Context, callerID int64, path models.RoomPath, id int64,
) (models.Pin, models.Cursor, error) {
	var pin models.Pin
	at, err := s.write(ctx, func(tx *transaction) error {
		a, row, err := tx.lockPinnable(callerID, path, id)
		if err != nil {
			return err
		}
		if row.DeletedAt != 0 {
			return models.NotFound()
		}
		caller, err := findUser(tx.DB, models.UserPath{ID: callerID})
		if err != nil {
			return err
		}
		pinned, err := database.ExecRows(tx.DB,
			`INSERT INTO pins (room_id, message_id, pinned_by, pinned_at) VALUES (?, ?, ?, ?)
			ON CONFLICT (room_id, message_id) DO NOTHING`, a.Room.ID, id, callerID, models.Now().Millis())
		if err == nil && pinned > 0 {
			err = tx.limitPins(a.Room.ID)
		}
		if err == nil && pinned > 0 {
			err = tx.appendPinEvent(models.EventPinAdded, a.Room.ID, id, caller.model().Ref())
		}
		if err != nil {
			return err
		}
		var found pinRow
		if err := database.Scan(tx.DB, &found,
			pinQuery+" AND p.message_id = ?", a.Room.ID, a.Room.ClearedID, id); err != nil {
			return err
		}
		pin = found.model(a.Room)
		pin.Message, err = fillMessage(tx.DB, callerID, pin.Message)
		return err
	})
	return pin, at, err
}

// Unpin removes a message's pin. It does nothing for a message that is not pinned.
func (s *Store) Unpin(ctx context.Context, callerID int64, path models.RoomPath, id int64) (models.Cursor, error) {
	return s.write(ctx, func(tx *transaction) error {
		a, _, err := tx.lockPinnable(callerID, path, id)
		if err != nil && a.Room.ID != 0 {
			return unlessNotFound(err) // the message is not pinned any more
		}
		if err != nil {
			return err
		}
		caller, err := findUser(tx.DB, models.UserPath{ID: callerID})
		if err != nil {
			return err
		}
		return tx.unpin(a.Room.ID, id, caller.model().Ref())
	})
}

func (tx *transaction) unpin(roomID, id int64, by models.UserRef) error {
	removed, err := database.ExecRows(tx.DB, "DELETE FROM pins WHERE room_id = ? AND message_id = ?", roomID, id)
	if err != nil || removed == 0 {
		return err
	}
	return tx.appendPinEvent(models.EventPinRemoved, roomID, id, by)
}

func (tx *transaction) appendPinEvent(name models.EventName, roomID, id int64, by models.UserRef) error {
	if err := tx.touch(roomID); err != nil {
		return err
	}
	return tx.appendEvent(name, models.Audience{RoomID: roomID}, models.PinEvent{RoomID: roomID, MessageID: id, User: by})
}

// limitPins is an error for a room with more pins than the limit.
func (tx *transaction) limitPins(roomID int64) error {
	return tx.refuseAbove(models.MaxPinsPerRoom, "This room has %d pins, which is as many as a room may have.", "pins",
		"room_id = ?", roomID)
}
