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

// makeEvery is how often a Maker looks for pictures that it was not told of: those that another node left behind.
const makeEvery = 10 * time.Second

// Ledger knows which pictures want a thumbnail.
type Ledger interface {
	// NextPicture hands a picture out to one maker alone; false when there is none.
	NextPicture(ctx context.Context) (models.StoredFile, bool, error)
	ReserveBlob(ctx context.Context, key string) error
	// SetThumbnail gives a file its thumbnail, "" for none.
	SetThumbnail(ctx context.Context, fileID, blob string) error
}

// Blobs are where pictures come from, and where thumbnails go.
type Blobs interface {
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	Put(ctx context.Context, key string, r io.Reader) (int64, error)
}

// Maker looks at what files hold, and makes thumbnails.
type Maker struct {
	blobs  Blobs
	ledger Ledger
	log    *slog.Logger
	woken  chan struct{} // holds one wake-up; never closed
	// decoding is whose turn it is to decode a picture: one at a time, so that what pictures take of memory is bounded.
	decoding *models.Turns
}

// NewMaker makes a maker, which does nothing until Run.
func NewMaker(blobs Blobs, ledger Ledger, log *slog.Logger) *Maker {
	return &Maker{blobs: blobs, ledger: ledger, log: log, woken: make(chan struct{}, 1), decoding: models.NewTurns(1, 1)}
}

// Wake says that there is a new picture.
func (m *Maker) Wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

// nobody takes turns for the thumbnails.
const nobody = 0

// Look finds out what r, which a user sends, holds. A picture is one if all of it can be read. That takes decoding it, and
// users take turns at that. The error is ctx's or r's own.
func (m *Maker) Look(ctx context.Context, userID int64, r io.ReadSeeker) (models.FileFacts, error) {
	f, err := Look(r)
	if err != nil || !f.Thumbnail {
		return f, err
	}
	done, err := m.decoding.Take(ctx, userID)
	if err != nil {
		return f, err
	}
	defer done()
	if err = check(r, f); errors.Is(err, ErrUnreadable) {
		f.Width, f.Height, f.Thumbnail, err = 0, 0, false, nil
	}
	return f, err
}

// Run makes thumbnails until ctx ends. What fails for no fault of the picture's is tried again later.
func (m *Maker) Run(ctx context.Context) {
	ticker := time.NewTicker(makeEvery)
	defer ticker.Stop()
	for {
		for more := true; more; {
			var err error
			if more, err = m.makeNext(ctx); err != nil && ctx.Err() == nil {
				m.log.Warn("making a thumbnail failed; it will be tried again", "error", err)
			}
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		case <-m.woken:
		}
	}
}

func (m *Maker) makeNext(ctx context.Context) (more bool, err error) {
	file, found, err := m.ledger.NextPicture(ctx)
	if err != nil || !found {
		return false, err
	}
	large, err := m.blobs.Open(ctx, file.Blob)
	if errors.Is(err, &models.Error{Code: models.CodeNotFound}) {
		return true, m.ledger.SetThumbnail(ctx, file.ID, "") // the file was deleted meanwhile
	}
	if err != nil {
		return false, err
	}
	small, err := m.thumbnail(ctx, large)
	if err := errors.Join(err, large.Close()); err != nil {
		if !errors.Is(err, ErrUnreadable) {
			return false, err
		}
		m.log.Info("a picture has no thumbnail", "file_id", file.ID, "error", err)
		return true, m.ledger.SetThumbnail(ctx, file.ID, "")
	}
	key := rand.Text()
	if err := m.ledger.ReserveBlob(ctx, key); err != nil {
		return false, err
	}
	if _, err := m.blobs.Put(ctx, key, bytes.NewReader(small)); err != nil {
		return false, err
	}
	return true, m.ledger.SetThumbnail(ctx, file.ID, key)
}

func (m *Maker) thumbnail(ctx context.Context, large io.ReadSeeker) ([]byte, error) {
	done, err := m.decoding.Take(ctx, nobody)
	if err != nil {
		return nil, err
	}
	defer done()
	return Thumbnail(large)
}
