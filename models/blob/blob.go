package blob

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/internal/readerror"
)

// Store keeps blobs under keys of letters and digits. All nodes that share a storage see the same blobs.
//
// A failure of the storage is a *models.Error with the code unavailable. A failure of a reader given to Put or Append
// is returned as it is.
type Store interface {
	// Put stores all that r reads as a blob, and returns its size in bytes. If it returns no error, the bytes survive a
	// crash of the machine. Otherwise there is no blob, but there may be bytes, which Delete removes.
	Put(ctx context.Context, key string, r io.Reader) (int64, error)
	// Open opens a blob for reading. It returns not_found if there is none.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	// Delete removes a blob, and what is staged of it. It is no error if there is none.
	Delete(ctx context.Context, key string) error

	// Append adds what r reads to a staged blob whose current size is offset, and returns how many bytes it added. Those
	// survive a crash, even if r fails.
	Append(ctx context.Context, key string, offset int64, r io.Reader) (int64, error)
	// Staged returns the size of a staged blob in bytes, 0 if there is none.
	Staged(ctx context.Context, key string) (int64, error)
	// Cut shortens a staged blob to size.
	Cut(ctx context.Context, key string, size int64) error
	// Seal turns a staged blob into a blob. A second call changes nothing.
	Seal(ctx context.Context, key string) error
	// Close releases the storage.
	Close() error
}

// Open opens the storage at a location: a folder, or s3://bucket?endpoint=…&region=….
func Open(ctx context.Context, place string) (Store, error) {
	if kind, _, found := strings.Cut(place, "://"); !found {
		return openFolder(place)
	} else if kind != "s3" {
		return nil, fmt.Errorf("%s:// is not supported as file storage: use a folder, or "+
			"s3://bucket?endpoint=…&region=…", kind)
	}
	u, err := url.Parse(place)
	if err != nil {
		return nil, err
	}
	return openS3(ctx, u)
}

// unavailable is how clients see a failure of the storage: they may retry soon, and nothing was acknowledged.
func unavailable(err error) error {
	if err == nil || errors.Is(err, &models.Error{Code: models.CodeNotFound}) {
		return err
	}
	return &models.Error{
		Code: models.CodeUnavailable, Message: "The storage of files does not respond as expected.",
		RetryAfter: 5 * time.Second, Err: err,
	}
}

// attribute returns the error of the reader that a blob was read from if it failed, and err as one of the storage
// otherwise.
func attribute(from *readerror.Reader, err error) error {
	if from.Err != nil {
		return from.Err
	}
	return unavailable(err)
}
