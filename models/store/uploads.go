package store

import (
	"context"
	"crypto/rand"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// uploadLease is how long a writer holds an upload after its last sign of life. After a crash nobody can continue
// before that.
const uploadLease = 6 * time.Second

type uploadRow struct {
	ID          string
	UserID      int64
	RoomID      int64
	Blob        string
	Name        string
	MediaType   string
	Metadata    string
	Size        int64
	Kept        int64
	Guarded     bool
	FileID      string
	Gone        bool
	Writer      string
	WriterUntil int64
	ExpiresAt   int64
}

func (uploadRow) TableName() string { return "uploads" }

func (r uploadRow) model() models.Upload {
	return models.Upload{
		ID: r.ID, RoomID: r.RoomID, Blob: r.Blob, Name: r.Name, MediaType: r.MediaType, Metadata: r.Metadata, Size: r.Size,
		Offset: r.Kept, Unverified: r.Guarded, FileID: r.FileID, ExpiresAt: models.FromMillis(r.ExpiresAt),
	}
}

// BeginUpload creates an upload of the caller. Its blob is reserved for as long as the upload may live.
func (s *Store) BeginUpload(
	ctx context.Context, callerID int64, u models.Upload, call *models.IdempotentCall,
) (models.Upload, error) {
	_, err := s.writeIdempotent(ctx, call, func(tx *transaction) (any, error) {
		if _, err := authorizeWriter(tx.DB, models.RoomPath{ID: u.RoomID}, callerID); err != nil {
			return nil, err
		}
		if _, err := tx.lockUser(callerID); err != nil {
			return nil, err
		}
		if err := s.refuseOverQuota(tx.DB, callerID, u.Size); err != nil {
			return nil, err
		}
		u.ID, u.Blob, u.ExpiresAt = "u_"+rand.Text(), rand.Text(), models.At(time.Now().Add(models.UploadLife))
		if err := reserveBlob(tx.DB, u.Blob, u.ExpiresAt.Time); err != nil {
			return nil, err
		}
		return u, tx.Create(&uploadRow{
			ID: u.ID, UserID: callerID, RoomID: u.RoomID, Blob: u.Blob, Name: u.Name, MediaType: u.MediaType,
			Metadata: u.Metadata, Size: u.Size, ExpiresAt: u.ExpiresAt.Millis(),
		}).Error
	})
	return u, err
}

// Upload returns an upload of the caller. One that has expired or was given up is expired, another user's not_found.
func (s *Store) Upload(ctx context.Context, callerID int64, id string) (models.Upload, error) {
	row, err := findUpload(s.read(ctx), callerID, id)
	return row.model(), err
}

// liveUpload is the condition on uploads that they were not given up, and that their user and room exist.
const liveUpload = `NOT gone AND room_id IN (SELECT id FROM rooms WHERE deleted_at = 0)
	AND user_id IN (SELECT id FROM users WHERE deleted_at = 0)`

func findUpload(db *gorm.DB, callerID int64, id string) (uploadRow, error) {
	var row uploadRow
	found := db.Where("id = ? AND user_id = ?", id, callerID).Limit(1).Find(&row)
	var alive int64
	if found.Error == nil && found.RowsAffected > 0 {
		found.Error = database.Scan(db, &alive, "SELECT count(*) FROM uploads WHERE id = ? AND "+liveUpload, id)
	}
	switch {
	case found.Error != nil:
		return row, found.Error
	case found.RowsAffected == 0:
		return row, models.NotFound()
	case alive == 0, row.ExpiresAt <= models.Now().Millis():
		return row, models.Errorf(models.CodeExpired, "This upload has expired or was deleted.")
	}
	return row, nil
}

// HoldUpload gives an upload to a writer, who has it alone until ReleaseUpload, or until uploadLease after the last
// call of RenewUpload or KeepUpload. While another writer holds it, held is false.
func (s *Store) HoldUpload(
	ctx context.Context, callerID int64, id, writer string,
) (u models.Upload, held bool, err error) {
	now := models.Now()
	taken, err := database.ExecRows(s.writer.WithContext(ctx), `UPDATE uploads SET writer = ?, writer_until = ?
		WHERE id = ? AND user_id = ? AND `+liveUpload+` AND expires_at > ? AND (writer = '' OR writer_until < ?)`,
		writer, now.Add(uploadLease).UnixMilli(), id, callerID, now.Millis(), now.Millis())
	if err != nil {
		return u, false, err
	}
	u, err = s.Upload(ctx, callerID, id)
	return u, taken == 1, err
}

// RenewUpload extends the writer's hold. It is an upload_conflict once another writer has it, or nobody.
func (s *Store) RenewUpload(ctx context.Context, id, writer string) error {
	_, err := s.write(ctx, func(tx *transaction) error { return tx.renewUpload(id, writer) })
	return err
}

func (tx *transaction) renewUpload(id, writer string) error {
	now := models.Now()
	expires := now.Add(models.UploadLife).UnixMilli()
	set, err := database.ExecRows(tx.DB,
		"UPDATE uploads SET writer_until = ?, expires_at = ? WHERE id = ? AND writer = ? AND "+liveUpload,
		now.Add(uploadLease).UnixMilli(), expires, id, writer)
	if err == nil && set == 0 {
		return lostUpload()
	}
	if err != nil {
		return err
	}
	return database.Exec(tx.DB,
		"UPDATE doomed_blobs SET due_at = ? WHERE key = (SELECT blob FROM uploads WHERE id = ?) AND "+
			"claimed_at = 0",
		expires, id)
}

// KeepUpload is RenewUpload, and records that kept bytes are stored for good; guarded says that what follows them is
// not, until its checksum was verified.
func (s *Store) KeepUpload(ctx context.Context, id, writer string, kept int64, guarded bool) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		if err := tx.renewUpload(id, writer); err != nil {
			return err
		}
		return database.Exec(tx.DB, "UPDATE uploads SET kept = ?, guarded = ? WHERE id = ?", kept, guarded, id)
	})
	return err
}

func lostUpload() error {
	return models.Errorf(models.CodeUploadConflict, "Another request has taken the upload over, or it was given up.")
}

// ReleaseUpload ends the writer's hold.
func (s *Store) ReleaseUpload(ctx context.Context, id, writer string) error {
	return database.Exec(s.writer.WithContext(ctx),
		"UPDATE uploads SET writer = '', writer_until = 0 WHERE id = ? AND writer = ?",
		id, writer)
}

// FinishUpload makes a file of an upload whose bytes are all stored and checked. The caller must still have the right:
// they may have left the room meanwhile.
func (s *Store) FinishUpload(
	ctx context.Context, callerID int64, id, writer string, n models.NewFile,
) (models.File, error) {
	var file models.File
	_, err := s.write(ctx, func(tx *transaction) error {
		row, err := findUpload(tx.DB, callerID, id)
		if err != nil {
			return err
		}
		path := models.RoomPath{ID: row.RoomID}
		if err := tx.lockRoom(path); err != nil {
			return err
		}
		if _, err := authorizeWriter(tx.DB, path, callerID); err != nil {
			return err
		}
		if err := tx.lockUpload(id, writer); err != nil {
			return err
		}
		if file, err = tx.addFile(callerID, row.RoomID, n); err != nil {
			return err
		}
		return database.Exec(tx.DB, "UPDATE uploads SET file_id = ?, kept = size, guarded = false WHERE id = ?", file.ID, id)
	})
	return file, err
}

// lockUpload locks an upload that the writer still holds, and nobody has finished.
func (tx *transaction) lockUpload(id, writer string) error {
	var held string
	err := database.Scan(tx.DB, &held,
		"SELECT id FROM uploads WHERE id = ? AND writer = ? AND file_id = ''"+tx.store.dialect.ForUpdate(), id,
		writer)
	if err == nil && held == "" {
		err = lostUpload()
	}
	return err
}

// DropUpload gives up an upload that the writer holds, and writes to no more; of a finished one the file stays. For a
// while the row says that there was one.
func (s *Store) DropUpload(ctx context.Context, id, writer string) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		if err := database.Exec(tx.DB,
			"UPDATE uploads SET writer_until = 0 WHERE id = ? AND writer = ?", id, writer); err != nil {
			return err
		}
		return tx.dropUploads("id = ? AND writer = ?", id, writer)
	})
	return err
}

// dropUploads gives up the uploads that match a condition. The bytes are deleted when no writer can add to them any
// more: what is added later would have no owner.
func (tx *transaction) dropUploads(where string, args ...any) error {
	var blobs []string
	err := database.Scan(tx.DB, &blobs,
		"UPDATE uploads SET gone = true, writer = '' WHERE NOT gone AND "+where+" RETURNING blob", args...)
	if err != nil || len(blobs) == 0 {
		return err
	}
	// A finished upload's blob belongs to the file, and is not on the schedule any more.
	return database.Exec(tx.DB,
		"UPDATE doomed_blobs SET due_at = (SELECT writer_until FROM uploads WHERE blob = key) WHERE key IN ?",
		blobs)
}

// expireUploads deletes some of the uploads that have expired. The deletion of their blobs is due at the same time.
func (s *Store) expireUploads(ctx context.Context) (more bool, err error) {
	removed, err := database.ExecRows(s.writer.WithContext(ctx),
		`DELETE FROM uploads WHERE id IN (SELECT id FROM uploads WHERE expires_at < ?
		ORDER BY expires_at LIMIT ?)`, models.Now().Add(-models.UploadLife).UnixMilli(), batchRows)
	return removed == batchRows, err
}
