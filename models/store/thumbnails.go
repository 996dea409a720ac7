package store

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

const (
	// thumbnailLease is how long one node may take to make a thumbnail before another tries.
	thumbnailLease = time.Minute
	// thumbnailTries is the number of attempts: a picture that crashes the process must not crash it after each restart.
	thumbnailTries = 3
)

// NextPicture returns the next picture that needs a thumbnail; false when there is none. Users take turns.
func (s *Store) NextPicture(ctx context.Context) (models.StoredFile, bool, error) {
	for {
		now := models.Now()
		id, err := s.pictureDue(ctx, now)
		if err != nil || id == "" {
			return models.StoredFile{}, false, err
		}
		var row fileRow
		err = database.Scan(s.writer.WithContext(ctx), &row, `UPDATE files SET thumbnail_tries = thumbnail_tries + 1,
			thumbnail_due = CASE WHEN thumbnail_tries < ? THEN CAST(? AS BIGINT) ELSE 0 END
			WHERE id = ? AND thumbnail_due > 0 AND thumbnail_due <= ? RETURNING `+fileColumns,
			thumbnailTries, now.Add(thumbnailLease).UnixMilli(), id, now.Millis())
		if err != nil {
			return models.StoredFile{}, false, err
		}
		if row.ThumbnailDue > 0 {
			s.pictured.Store(row.UserID)
			return models.StoredFile{File: row.model(), Blob: row.Blob}, true, nil
		}
		// It was tried often enough, or another node has it: go on with the next one.
	}
}

// pictureDue returns the file whose turn it is: of the user after the one whose picture was made last, the longest due.
// It is "" when none is due.
func (s *Store) pictureDue(ctx context.Context, now models.Time) (id string, err error) {
	for _, after := range []int64{s.pictured.Load(), 0} { // and then from the first user again
		err = database.Scan(s.read(ctx), &id,
			`SELECT id FROM files WHERE user_id > ? AND thumbnail_due > 0 AND thumbnail_due <= ?
			ORDER BY user_id, thumbnail_due LIMIT 1`, after, now.Millis())
		if err != nil || id != "" {
			break
		}
	}
	return id, err
}

// SetThumbnail gives a file its thumbnail, a blob that was reserved; "" says that there will be none.
func (s *Store) SetThumbnail(ctx context.Context, fileID, blob string) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		set, err := database.ExecRows(tx.DB,
			"UPDATE files SET thumbnail = ?, thumbnail_due = 0 WHERE id = ? AND thumbnail = ''", blob, fileID)
		if err != nil || set == 0 || blob == "" {
			return err // without a file that needs it, the blob stays scheduled for deletion
		}
		return tx.claimBlob(blob)
	})
	return err
}
