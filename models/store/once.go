package store

import (
	"context"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

type onceRow struct {
	Fingerprint string
	Answer      string
	Position    int64
}

// claim takes once's key for this transaction. When another one holds it, PostgreSQL waits here for that one's end, so
// of many calls at once exactly one creates. The error is *models.Replayed with the first call's answer, or
// idempotency_mismatch.
func (s *Store) claim(tx *gorm.DB, once *models.Once) error {
	now := models.Now()
	taken := tx.Exec(`INSERT INTO idempotency_keys (caller_id, path, key, fingerprint, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (caller_id, path, key) DO UPDATE
		SET fingerprint = excluded.fingerprint, created_at = excluded.created_at, answer = '', position = 0
		WHERE idempotency_keys.created_at < ?`,
		once.CallerID, once.Path, once.Key, once.Fingerprint, now.Millis(),
		now.Add(-models.IdempotencyLife).UnixMilli())
	if taken.Error != nil {
		return taken.Error
	}
	if taken.RowsAffected == 1 {
		return nil
	}
	var row onceRow
	err := tx.Raw("SELECT fingerprint, answer, position FROM idempotency_keys WHERE caller_id = ? AND path = ? AND key = ?",
		once.CallerID, once.Path, once.Key).Scan(&row).Error
	if err != nil {
		return err
	}
	if row.Fingerprint != once.Fingerprint {
		return models.Errorf(models.CodeIdempotencyMismatch, "This Idempotency-Key was used with another body.")
	}
	replayed := &models.Replayed{Body: []byte(row.Answer)}
	if row.Position > 0 {
		replayed.Event = s.at(row.Position)
	}
	return replayed
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
