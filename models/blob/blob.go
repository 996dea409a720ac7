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
)

// Store keeps blobs under keys, which are letters and digits alone. All nodes that share a storage see the same blobs.
//
// What goes wrong with the storage is an unavailable *models.Error. What goes wrong with a reader that Put or Append was
// given is that reader's own error.
type Store interface {
	// Put makes a blob of all that r gives, and returns its size in bytes. When it returns no error, the bytes survive a
	// crash of the machine. Otherwise there is no blob, but there may be bytes, which Delete removes.
	Put(ctx context.Context, key string, r io.Reader) (int64, error)
	// Open reads a blob. One that is not there is not_found.
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	// Delete removes a blob, or what is staged of one. That there is none is no error.
	Delete(ctx context.Context, key string) error

	// Append adds what r gives to a staged blob, at the offset at which it must end now, and returns how many bytes it
	// added. Those survive a crash, also when r breaks off with an error.
	Append(ctx context.Context, key string, offset int64, r io.Reader) (int64, error)
	// Staged is how many bytes are there of a staged blob; none when nothing was ever added.
	Staged(ctx context.Context, key string) (int64, error)
	// Cut removes what a staged blob has beyond size.
	Cut(ctx context.Context, key string, size int64) error
	// Seal makes a blob of a staged one. Doing so again changes nothing.
	Seal(ctx context.Context, key string) error
	// Close lets go of the storage.
	Close() error
}

// Open opens the storage at a place: a folder, or s3://bucket?endpoint=…&region=….
func Open(ctx context.Context, place string) (Store, error) {
	if kind, _, found := strings.Cut(place, "://"); !found {
		return openFolder(place)
	} else if kind != "s3" {
		return nil, fmt.Errorf("%s:// is no storage of files: it is a folder, or s3://bucket?endpoint=…&region=…", kind)
	}
	u, err := url.Parse(place)
	if err != nil {
		return nil, err
	}
	return openS3(ctx, u)
}

// broken is what a failing storage looks like from outside: it may be well again soon, and nothing was acknowledged.
func broken(err error) error {
	if err == nil || errors.Is(err, &models.Error{Code: models.CodeNotFound}) {
		return err
	}
	return &models.Error{
		Code: models.CodeUnavailable, Message: "The storage of files does not answer as it should.", RetryAfter: 5 * time.Second,
		Err: err,
	}
}

// source is a reader that remembers why it ended, so that its failure can be told from the storage's.
type source struct {
	r   io.Reader
	err error
}

func (s *source) Read(p []byte) (int, error) {
	n, err := s.r.Read(p)
	if err != nil && err != io.EOF {
		s.err = err
	}
	return n, err
}

// blame is whose failure err is: the source's, or the storage's.
func (s *source) blame(err error) error {
	if s.err != nil {
		return s.err
	}
	return broken(err)
}
