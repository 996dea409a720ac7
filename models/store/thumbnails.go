package store

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// thumbnailLease is how long one node may take to make a thumbnail before another tries.
	thumbnailLease = time.Minute
	// thumbnailTries is how often it is tried: a picture that ends a process must not end each that follows.
	thumbnailTries = 3
)

// NextPicture hands out the next picture that a thumbnail is to be made of; false when there is none.
func (s *Store) NextPicture(ctx context.Context) (models.StoredFile, bool, error) {
	now := models.Now()
	var waiting int64
	err := s.read(ctx).Raw("SELECT count(*) FROM (SELECT 1 FROM files WHERE thumbnail_due > 0 AND thumbnail_due <= ? LIMIT 1) waiting",
		now.Millis()).Scan(&waiting).Error
	if err != nil || waiting == 0 {
		return models.StoredFile{}, false, err
	}
	var row fileRow
	taken := s.writer.WithContext(ctx).Raw(`UPDATE files SET thumbnail_tries = thumbnail_tries + 1,
		thumbnail_due = CASE WHEN thumbnail_tries < ? THEN CAST(? AS BIGINT) ELSE 0 END
		WHERE id = (SELECT id FROM files WHERE thumbnail_due > 0 AND thumbnail_due <= ? ORDER BY thumbnail_due LIMIT 1)
		AND thumbnail_due <= ? RETURNING `+fileColumns,
		thumbnailTries, now.Add(thumbnailLease).UnixMilli(), now.Millis(), now.Millis()).Scan(&row)
	if taken.Error != nil || taken.RowsAffected == 0 {
		return models.StoredFile{}, false, taken.Error
	}
	if row.ThumbnailDue == 0 { // tried often enough: it is given up, and the next one's turn
		return s.NextPicture(ctx)
	}
	return models.StoredFile{File: row.model(), Blob: row.Blob}, true, nil
}

// SetThumbnail gives a file its thumbnail, a blob that was reserved; "" says that there will be none.
func (s *Store) SetThumbnail(ctx context.Context, fileID, blob string) error {
	_, err := s.change(ctx, func(c *change) error {
		set := c.Exec("UPDATE files SET thumbnail = ?, thumbnail_due = 0 WHERE id = ? AND thumbnail = ''", blob, fileID)
		if set.Error != nil || set.RowsAffected == 0 || blob == "" {
			return set.Error // without a file that wants it, the blob stays doomed
		}
		return c.take(blob)
	})
	return err
}
