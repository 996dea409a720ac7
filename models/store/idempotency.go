package store

import (
	"context"
	"errors"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// idempotencyRow is a call with an Idempotency-Key: its response, or the message that it sent.
type idempotencyRow struct {
	Fingerprint string
	Response    string `gorm:"column:answer"`
	RoomID      int64
	MessageID   int64 // 0 if the call sent no message
	Position    int64
	CreatedAt   int64
}

// claimKey claims the key of a call for this transaction. When another transaction holds it, PostgreSQL waits here for
// its end, so that of many calls at once exactly one creates something. The error is *models.Replayed with the first
// call's response, or idempotency_mismatch.
func (s *Store) claimKey(db *gorm.DB, call *models.IdempotentCall) error {
	taken, err := database.ExecRows(db,
		database.ClaimKey, call.CallerID, call.Path, call.Key, call.Fingerprint, models.Now().Millis())
	if err != nil {
		return err
	}
	if taken == 1 {
		return nil
	}
	return s.storedResponse(db, call)
}

// storedResponse is the error of a call whose key was used before, with the response of the first call.
func (s *Store) storedResponse(db *gorm.DB, call *models.IdempotentCall) error {
	var row idempotencyRow
	err := database.Scan(db, &row,
		`SELECT fingerprint, answer, room_id, message_id, position, created_at FROM idempotency_keys
		WHERE caller_id = ? AND path = ? AND key = ?`, call.CallerID, call.Path, call.Key)
	if err != nil {
		return err
	}
	if row.Fingerprint != call.Fingerprint {
		return models.Errorf(models.CodeIdempotencyMismatch, "This Idempotency-Key was used with another body.")
	}
	replayed := &models.Replayed{Body: []byte(row.Response)}
	if row.MessageID != 0 {
		m, err := messageSentWith(db, call.CallerID, row)
		if err != nil {
			return err
		}
		replayed.Body = m.AppendJSON(nil)
	}
	if row.Position > 0 {
		replayed.Event = s.cursorAt(row.Position)
	}
	return replayed
}

// messageSentWith is the message that was sent with a key, as it is now. One that was cleared, or deleted with its
// room, is a tombstone: the call took place, and nothing is left of what it sent.
func messageSentWith(db *gorm.DB, callerID int64, row idempotencyRow) (models.Message, error) {
	var room roomRow
	if err := database.Scan(db, &room,
		"SELECT "+allRoomColumns+" FROM "+liveRooms+" r WHERE r.id = ?", row.RoomID); err != nil {
		return models.Message{}, err
	}
	room.ID = row.RoomID
	found, err := findMessage(db, room, row.MessageID)
	switch {
	case err == nil && room.Kind != "":
		return fillMessage(db, callerID, found.model(room))
	case err != nil && !errors.Is(err, models.NotFound()):
		return models.Message{}, err
	}
	caller, err := findUser(db, models.UserPath{ID: callerID})
	if err != nil {
		return models.Message{}, err
	}
	tombstone := messageRow{
		ID: row.MessageID, SenderID: callerID, Username: caller.Username, DisplayName: caller.DisplayName,
		Type: string(models.MessageText), CreatedAt: row.CreatedAt, DeletedAt: models.Now().Millis(),
	}
	return tombstone.model(room), nil
}

// KnowsKey reports whether a call with the same key has a response. Whether it was the same call is checked by
// claimKey.
func (s *Store) KnowsKey(ctx context.Context, call *models.IdempotentCall) (bool, error) {
	var known int64
	err := database.Scan(s.read(ctx), &known,
		"SELECT count(*) FROM idempotency_keys WHERE caller_id = ? AND path = ? AND key = ? AND "+
			"created_at >= ?",
		call.CallerID, call.Path, call.Key, models.Now().Add(-models.IdempotencyLife).UnixMilli())
	return known > 0, err
}

// storeResponse stores the response for later calls with the key.
func storeResponse(db *gorm.DB, call *models.IdempotentCall, created any, position int64) error {
	response, err := call.Encode(created)
	if err != nil {
		return err
	}
	return database.Exec(db,
		"UPDATE idempotency_keys SET answer = ?, position = ? WHERE caller_id = ? AND path = ? AND key = ?",
		string(response), position, call.CallerID, call.Path, call.Key)
}
