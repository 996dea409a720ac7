package picture

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"time"

	"github.com/parley-chat/parley/models"
)

// makeInterval is how often a Maker looks for pictures without Wake: those that another node left behind.
const makeInterval = 10 * time.Second

// ThumbnailQueue is the database's list of pictures that need a thumbnail.
type ThumbnailQueue interface {
	// NextPicture returns a picture for this maker alone; false if there is none.
	NextPicture(ctx context.Context) (models.StoredFile, bool, error)
	ReserveBlob(ctx context.Context, key string) error
	// SetThumbnail sets the blob of a file's thumbnail, "" for none.
	SetThumbnail(ctx context.Context, fileID, blob string) error
}

// Blobs has the contents of pictures and thumbnails.
type Blobs interface {
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	Put(ctx context.Context, key string, r io.Reader) (int64, error)
}

// Maker detects what files hold, and makes thumbnails.
type Maker struct {
	blobs Blobs
	queue ThumbnailQueue
	log   *slog.Logger
	wake  chan struct{} // wakes Run; capacity 1, never closed
	// decoding limits decoding to one picture at a time, and so its memory.
	decoding *models.ConcurrencyLimit
}

// NewMaker returns a maker, which does nothing until Run.
func NewMaker(blobs Blobs, queue ThumbnailQueue, log *slog.Logger) *Maker {
	return &Maker{
		blobs: blobs, queue: queue, log: log, wake: make(chan struct{}, 1), decoding: models.NewConcurrencyLimit(1, 1),
	}
}

// Wake signals Run that there is a new picture.
func (m *Maker) Wake() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

// thumbnailUser is the user for whom thumbnails are made: they wait like the pictures of one user.
const thumbnailUser = 0

// Look detects what r, sent by a user, holds. A picture counts as one only if all of it can be decoded, which users
// take turns at. It returns only errors of ctx and of r.
func (m *Maker) Look(ctx context.Context, userID int64, r io.ReadSeeker) (models.FileFacts, error) {
	f, err := look(r)
	if err != nil || !f.Thumbnail {
		return f, err
	}
	done, err := m.decoding.Acquire(ctx, userID)
	if err != nil {
		return f, err
	}
	defer done()
	if err = checkDecodes(r, f); errors.Is(err, ErrUnreadable) {
		f.Width, f.Height, f.Thumbnail, err = 0, 0, false, nil
	}
	return f, err
}

// Run makes thumbnails until ctx is done. A failure that is not the picture's is retried.
func (m *Maker) Run(ctx context.Context) {
	ticker := time.NewTicker(makeInterval)
	defer ticker.Stop()
	for {
		for more := true; more; {
			var err error
			if more, err = m.makeNext(ctx); err != nil && ctx.Err() == nil {
				m.log.Warn("cannot make a thumbnail; retrying", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-m.wake:
		}
	}
}

func (m *Maker) makeNext(ctx context.Context) (more bool, err error) {
	file, found, err := m.queue.NextPicture(ctx)
	if err != nil || !found {
		return false, err
	}
	large, err := m.blobs.Open(ctx, file.Blob)
	if errors.Is(err, &models.Error{Code: models.CodeNotFound}) {
		return true, m.queue.SetThumbnail(ctx, file.ID, "") // the file has been deleted
	}
	if err != nil {
		return false, err
	}
	small, err := m.thumbnail(ctx, large)
	if err := errors.Join(err, large.Close()); err != nil {
		if !errors.Is(err, ErrUnreadable) {
			return false, err
		}
		m.log.Info("no thumbnail for a picture that cannot be decoded", "file_id", file.ID, "error", err)
		return true, m.queue.SetThumbnail(ctx, file.ID, "")
	}
	key := rand.Text()
	if err := m.queue.ReserveBlob(ctx, key); err != nil {
		return false, err
	}
	if _, err := m.blobs.Put(ctx, key, bytes.NewReader(small)); err != nil {
		return false, err
	}
	return true, m.queue.SetThumbnail(ctx, file.ID, key)
}

func (m *Maker) thumbnail(ctx context.Context, large io.ReadSeeker) ([]byte, error) {
	done, err := m.decoding.Acquire(ctx, thumbnailUser)
	if err != nil {
		return nil, err
	}
	defer done()
	return makeThumbnail(large)
}
