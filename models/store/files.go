package store

import (
	"context"
	"crypto/rand"
	"errors"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

type fileRow struct {
	ID           string
	RoomID       int64
	UserID       int64
	MessageID    int64
	Place        int
	Blob         string
	Name         string
	MediaType    string
	Size         int64
	SHA256       string `gorm:"column:sha256"`
	Width        int
	Height       int
	Thumbnail    string
	ThumbnailDue int64
	CreatedAt    int64
}

func (fileRow) TableName() string { return "files" }

func (r fileRow) model() models.File {
	f := models.File{
		ID: r.ID, RoomID: r.RoomID, Name: r.Name, MediaType: r.MediaType, Size: r.Size, SHA256: r.SHA256,
		Width: r.Width, Height: r.Height, URL: "/v1/files/" + r.ID + "/content", CreatedAt: models.FromMillis(r.CreatedAt),
	}
	if r.Thumbnail != "" || r.ThumbnailDue > 0 {
		f.ThumbnailURL = "/v1/files/" + r.ID + "/thumbnail"
	}
	return f
}

// MayUpload returns the room that path names, if the caller may store size more bytes in it. The bytes of the caller's
// other requests that arrive at this moment are checked against the quota by themselves and not added to what is
// stored: some of them may just have been stored, and would count twice. AddFile counts exactly.
func (s *Store) MayUpload(
	ctx context.Context, callerID int64, path models.RoomPath, size, others int64,
) (roomID int64, err error) {
	db := s.read(ctx)
	a, err := authorizeWriter(db, path, callerID)
	if err != nil {
		return 0, err
	}
	if s.fileQuota > 0 && others > 0 && others+size > s.fileQuota {
		return 0, models.Errorf(models.CodeTooLarge, "Your files may hold %d bytes, and your other uploads bring %d now; "+
			"there is no room for %d more.",
			s.fileQuota, others, size)
	}
	return a.Room.ID, s.refuseOverQuota(db, callerID, size)
}

// refuseOverQuota is an error when the user's files and uploads leave no room for size more bytes.
func (s *Store) refuseOverQuota(db *gorm.DB, userID, size int64) error {
	if s.fileQuota == 0 {
		return nil
	}
	var used int64
	err := database.Scan(db, &used, `SELECT COALESCE((SELECT sum(size) FROM files WHERE user_id = ?), 0)
		+ COALESCE((SELECT sum(size) FROM uploads WHERE user_id = ? AND file_id = '' AND NOT gone), 0)`, userID, userID)
	if err == nil && used+size > s.fileQuota {
		err = models.Errorf(models.CodeTooLarge, "Your files hold %d of the %d bytes that they may; there is no room for "+
			"%d more.",
			used, s.fileQuota, size)
	}
	return err
}

// AddFile adds stored bytes to a room, as a file of the caller without a message.
func (s *Store) AddFile(
	ctx context.Context, callerID, roomID int64, n models.NewFile, call *models.IdempotentCall,
) (models.File, error) {
	var file models.File
	_, err := s.writeIdempotent(ctx, call, func(tx *transaction) (any, error) {
		path := models.RoomPath{ID: roomID}
		if err := tx.lockRoom(path); err != nil {
			return nil, err
		}
		if _, err := authorizeWriter(tx.DB, path, callerID); err != nil {
			return nil, err
		}
		if _, err := tx.lockUser(callerID); err != nil { // the lock makes the count exact
			return nil, err
		}
		if err := s.refuseOverQuota(tx.DB, callerID, n.Size); err != nil {
			return nil, err
		}
		var err error
		file, err = tx.addFile(callerID, roomID, n)
		return file, err
	})
	return file, err
}

func (tx *transaction) addFile(userID, roomID int64, n models.NewFile) (models.File, error) {
	if err := tx.claimBlob(n.Blob); err != nil {
		return models.File{}, err
	}
	row := fileRow{
		ID: "f_" + rand.Text(), RoomID: roomID, UserID: userID, Blob: n.Blob, Name: n.Name, MediaType: n.MediaType,
		Size:   n.Size,
		SHA256: n.SHA256, Width: n.Width, Height: n.Height, CreatedAt: models.Now().Millis(),
	}
	if n.Thumbnail {
		row.ThumbnailDue = row.CreatedAt
	}
	return row.model(), tx.Create(&row).Error
}

// File returns a file that the caller may read: callers who may read its room, once a message of the room has it;
// before, its uploader, while they are a member. For others it is not_found.
func (s *Store) File(ctx context.Context, callerID int64, id string) (models.StoredFile, error) {
	db := s.read(ctx)
	var row fileRow
	found := db.Where("id = ?", id).Limit(1).Find(&row)
	if found.Error != nil {
		return models.StoredFile{}, found.Error
	}
	a, err := authorizeReader(db, models.RoomPath{ID: row.RoomID}, callerID)
	var refused *models.Error
	switch {
	case errors.As(err, &refused), found.RowsAffected == 0:
		return models.StoredFile{}, models.NotFound()
	case err != nil:
		return models.StoredFile{}, err
	case row.MessageID == 0 && (row.UserID != callerID || !a.isMember()), row.MessageID != 0 &&
		row.MessageID <= a.Room.ClearedID:
		return models.StoredFile{}, models.NotFound()
	}
	// With its sender's account a message and its files are deleted, even if not purged yet.
	if _, err := findUser(db, models.UserPath{ID: row.UserID}); err != nil {
		return models.StoredFile{}, err
	}
	return models.StoredFile{
		File: row.model(), Blob: row.Blob, Thumbnail: row.Thumbnail, ThumbnailPending: row.ThumbnailDue > 0,
	}, nil
}

// DropFiles removes files of the caller that no message has.
func (s *Store) DropFiles(ctx context.Context, callerID int64, ids []string) error {
	_, err := s.write(ctx, func(tx *transaction) error {
		return tx.deleteFiles("id IN ? AND user_id = ? AND message_id = 0", ids, callerID)
	})
	return err
}

// dropUnattached removes some files that were not attached to a message in time.
func (s *Store) dropUnattached(ctx context.Context) (more bool, err error) {
	var ids []string
	err = database.Scan(s.read(ctx), &ids,
		"SELECT id FROM files WHERE message_id = 0 AND created_at < ? ORDER BY created_at LIMIT ?",
		models.Now().Add(-models.UnattachedLife).UnixMilli(), batchRows)
	if err != nil || len(ids) == 0 {
		return false, err
	}
	_, err = s.write(ctx, func(tx *transaction) error { return tx.deleteFiles("id IN ? AND message_id = 0", ids) })
	return len(ids) == batchRows, err
}

// deleteFiles deletes the files that match a condition, and schedules the deletion of their blobs.
func (tx *transaction) deleteFiles(where string, args ...any) error {
	var gone []struct{ Blob, Thumbnail string }
	if err := database.Scan(tx.DB, &gone,
		"DELETE FROM files WHERE "+where+" RETURNING blob, thumbnail", args...); err != nil {
		return err
	}
	now := models.Now().Millis()
	var blobs []scheduledBlob
	for _, f := range gone {
		blobs = append(blobs, scheduledBlob{Key: f.Blob, DueAt: now})
		if f.Thumbnail != "" {
			blobs = append(blobs, scheduledBlob{Key: f.Thumbnail, DueAt: now})
		}
	}
	if len(blobs) == 0 {
		return nil
	}
	return tx.CreateInBatches(blobs, batchRows).Error
}

// addFilesTo adds the files to messages, of any rooms, with one query.
func addFilesTo(db *gorm.DB, messages []*models.Message) error {
	named := groupByKey(messages)
	if len(named) == 0 {
		return nil
	}
	table, args := named.table(db)
	var rows []fileRow
	err := database.Scan(db, &rows, "SELECT "+fileColumns+" FROM "+table+` CROSS JOIN files
		WHERE files.room_id = v.room_id AND files.message_id = v.id ORDER BY files.room_id, files.message_id, files.place`,
		args...)
	for _, r := range rows {
		for _, m := range named[messageKey{r.RoomID, r.MessageID}] {
			m.Files = append(m.Files, r.model())
		}
	}
	return err
}
