package store

import (
	"context"
	"errors"
	"fmt"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

type onceRow struct {
	Fingerprint string
	Answer      string
	RoomID      int64
	MessageID   int64 // 0 for what is no message
	Position    int64
	CreatedAt   int64
}

// onceName is what a key belongs to.
type onceName struct {
	callerID  int64
	path, key string
}

func nameOf(once *models.Once) onceName { return onceName{once.CallerID, once.Path, once.Key} }

// takeKey takes a key that nobody has used, and takeOldKey also one whose use was so long ago that it counts no more.
var (
	takeKey = "INSERT INTO idempotency_keys (caller_id, path, key, fingerprint, created_at) VALUES (?, ?, ?, ?, ?) " + takeOldKey

	takeOldKey = fmt.Sprintf(`ON CONFLICT (caller_id, path, key) DO UPDATE
		SET fingerprint = excluded.fingerprint, created_at = excluded.created_at, answer = '', room_id = 0, message_id = 0, position = 0
		WHERE idempotency_keys.created_at < excluded.created_at - %d`, models.IdempotencyLife.Milliseconds())
)

// claim takes once's key for this transaction. When another one holds it, PostgreSQL waits here for that one's end, so
// of many calls at once exactly one creates. The error is *models.Replayed with the first call's answer, or
// idempotency_mismatch.
func (s *Store) claim(tx *gorm.DB, once *models.Once) error {
	taken := tx.Exec(takeKey, once.CallerID, once.Path, once.Key, once.Fingerprint, models.Now().Millis())
	if taken.Error != nil {
		return taken.Error
	}
	if taken.RowsAffected == 1 {
		return nil
	}
	return s.answered(tx, once)
}

// answered is the error of a call whose key was taken before.
func (s *Store) answered(tx *gorm.DB, once *models.Once) error {
	var row onceRow
	err := tx.Raw(`SELECT fingerprint, answer, room_id, message_id, position, created_at FROM idempotency_keys
		WHERE caller_id = ? AND path = ? AND key = ?`, once.CallerID, once.Path, once.Key).Scan(&row).Error
	if err != nil {
		return err
	}
	if row.Fingerprint != once.Fingerprint {
		return models.Errorf(models.CodeIdempotencyMismatch, "This Idempotency-Key was used with another body.")
	}
	replayed := &models.Replayed{Body: []byte(row.Answer)}
	if row.MessageID != 0 {
		m, err := sentUnder(tx, once.CallerID, row)
		if err != nil {
			return err
		}
		replayed.Body = m.AppendJSON(nil)
	}
	if row.Position > 0 {
		replayed.Event = s.at(row.Position)
	}
	return replayed
}

// sentUnder is the message that was sent under a key, as it is now. One that was cleared away, or went with its room, is a
// tombstone without a place: the call has taken place, and there is nothing left of what it sent.
func sentUnder(tx *gorm.DB, callerID int64, row onceRow) (models.Message, error) {
	var room roomRow
	if err := tx.Raw("SELECT "+wholeRoom+" FROM "+liveRooms+" r WHERE r.id = ?", row.RoomID).Scan(&room).Error; err != nil {
		return models.Message{}, err
	}
	room.ID = row.RoomID
	found, err := findMessage(tx, room, row.MessageID)
	switch {
	case err == nil && room.Kind != "":
		return shownMessage(tx, callerID, found.model(room))
	case err != nil && !errors.Is(err, models.NotFound()):
		return models.Message{}, err
	}
	caller, err := findUser(tx, models.UserPath{ID: callerID})
	if err != nil {
		return models.Message{}, err
	}
	gone := messageRow{
		ID: row.MessageID, SenderID: callerID, Username: caller.Username, DisplayName: caller.DisplayName,
		Type: string(models.MessageText), CreatedAt: row.CreatedAt, DeletedAt: models.Now().Millis(),
	}
	return gone.model(room), nil
}

// KnowsKey reports whether a call under once's key was answered. Whether it was the same call is claim's to say.
func (s *Store) KnowsKey(ctx context.Context, once *models.Once) (bool, error) {
	var known int64
	err := s.read(ctx).Raw("SELECT count(*) FROM idempotency_keys WHERE caller_id = ? AND path = ? AND key = ? AND created_at >= ?",
		once.CallerID, once.Path, once.Key, models.Now().Add(-models.IdempotencyLife).UnixMilli()).Scan(&known).Error
	return known > 0, err
}

// keepAnswer stores what the key's next call will be answered, along with what it answers for.
func keepAnswer(tx *gorm.DB, once *models.Once, created any, position int64) error {
	answer, err := once.Answer(created)
	if err != nil {
		return err
	}
	return tx.Exec("UPDATE idempotency_keys SET answer = ?, position = ? WHERE caller_id = ? AND path = ? AND key = ?",
		string(answer), position, once.CallerID, once.Path, once.Key).Error
}
