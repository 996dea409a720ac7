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

// Maker makes thumbnails, one at a time, so that what pictures take of memory is bounded.
type Maker struct {
	blobs  Blobs
	ledger Ledger
	log    *slog.Logger
	woken  chan struct{} // holds one wake-up; never closed
}

// NewMaker makes a maker, which does nothing until Run.
func NewMaker(blobs Blobs, ledger Ledger, log *slog.Logger) *Maker {
	return &Maker{blobs: blobs, ledger: ledger, log: log, woken: make(chan struct{}, 1)}
}

// Wake says that there is a new picture.
func (m *Maker) Wake() {
	select {
	case m.woken <- struct{}{}:
	default:
	}
}

// Look finds out what r holds.
func (*Maker) Look(r io.ReadSeeker) (models.FileFacts, error) { return Look(r) }

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
	small, err := Thumbnail(large)
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
