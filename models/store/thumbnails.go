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

// NextPicture hands out the next picture that a thumbnail is to be made of; false when there is none. Users take turns.
func (s *Store) NextPicture(ctx context.Context) (models.StoredFile, bool, error) {
	for {
		now := models.Now()
		id, err := s.pictureDue(ctx, now)
		if err != nil || id == "" {
			return models.StoredFile{}, false, err
		}
		var row fileRow
		taken := s.writer.WithContext(ctx).Raw(`UPDATE files SET thumbnail_tries = thumbnail_tries + 1,
			thumbnail_due = CASE WHEN thumbnail_tries < ? THEN CAST(? AS BIGINT) ELSE 0 END
			WHERE id = ? AND thumbnail_due > 0 AND thumbnail_due <= ? RETURNING `+fileColumns,
			thumbnailTries, now.Add(thumbnailLease).UnixMilli(), id, now.Millis()).Scan(&row)
		if taken.Error != nil {
			return models.StoredFile{}, false, taken.Error
		}
		if row.ThumbnailDue > 0 {
			s.pictured.Store(row.UserID)
			return models.StoredFile{File: row.model(), Blob: row.Blob}, true, nil
		}
		// It was tried often enough and is given up, or another node has it: the next one's turn.
	}
}

// pictureDue is the file whose turn it is: of the user after the one whose picture was made last, the longest due. It is ""
// when none is due.
func (s *Store) pictureDue(ctx context.Context, now models.Time) (id string, err error) {
	for _, after := range []int64{s.pictured.Load(), 0} { // and then from the first user again
		err = s.read(ctx).Raw(`SELECT id FROM files WHERE user_id > ? AND thumbnail_due > 0 AND thumbnail_due <= ?
			ORDER BY user_id, thumbnail_due LIMIT 1`, after, now.Millis()).Scan(&id).Error
		if err != nil || id != "" {
			break
		}
	}
	return id, err
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
