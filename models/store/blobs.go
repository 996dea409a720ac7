package store

import (
	"context"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// blobLease is how long a blob that is being written is kept after the last sign of its writer. After a crash its bytes
// are deleted that much later.
const blobLease = 45 * time.Second

// ReserveBlob records a blob before its first byte is written.
func (s *Store) ReserveBlob(ctx context.Context, key string) error {
	return reserveBlob(s.writer.WithContext(ctx), key, models.Now().Add(blobLease))
}

func reserveBlob(db *gorm.DB, key string, until time.Time) error {
	return database.Exec(db, "INSERT INTO doomed_blobs (key, due_at) VALUES (?, ?)", key, until.UnixMilli())
}

// KeepBlob extends the lease of a blob that is still being written.
func (s *Store) KeepBlob(ctx context.Context, key string) error {
	return database.Exec(s.writer.WithContext(ctx), "UPDATE doomed_blobs SET due_at = ? WHERE key = ? AND claimed_at = 0",
		models.Now().Add(blobLease).UnixMilli(), key)
}

// DropBlob schedules the deletion of a reserved blob.
func (s *Store) DropBlob(ctx context.Context, key string) error {
	return database.Exec(s.writer.WithContext(ctx), "UPDATE doomed_blobs SET due_at = 0 WHERE key = ?", key)
}

// claimBlob takes a blob that has an owner from now on off the schedule. It fails for a blob whose lease has expired
// and that is being deleted: its bytes may be gone.
func (tx *transaction) claimBlob(key string) error {
	taken, err := database.ExecRows(tx.DB, "DELETE FROM doomed_blobs WHERE key = ? AND claimed_at = 0", key)
	if err == nil && taken == 0 {
		return &models.Error{
			Code: models.CodeUnavailable, Message: "Storing the file took too long; send it again.", RetryAfter: time.Second,
		}
	}
	return err
}

// scheduledBlob is a blob that nobody owns, and when its deletion is due.
type scheduledBlob struct {
	Key       string
	DueAt     int64
	ClaimedAt int64
}

// TableName is an old name: to rename the table would be one more migration, and would change nothing else.
func (scheduledBlob) TableName() string { return "doomed_blobs" }

// DueBlobs claims and returns blobs whose deletion is due.
func (s *Store) DueBlobs(ctx context.Context, limit int) (keys []string, err error) {
	err = database.Scan(s.read(ctx), &keys, "SELECT key FROM doomed_blobs WHERE due_at <= ? ORDER BY due_at LIMIT ?",
		models.Now().Millis(), limit)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	now := models.Now().Millis()
	claimed := []string{}
	err = database.Scan(s.writer.WithContext(ctx), &claimed,
		"UPDATE doomed_blobs SET claimed_at = ? WHERE key IN ? AND due_at <= ? "+
			"RETURNING key",
		now, keys, now)
	return claimed, err
}

// ForgetBlobs removes blobs whose bytes are deleted from the schedule.
func (s *Store) ForgetBlobs(ctx context.Context, keys []string) error {
	return database.Exec(s.writer.WithContext(ctx), "DELETE FROM doomed_blobs WHERE key IN ?", keys)
}
