package upload

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"time"

	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/models"
)

// renewBlobEvery is how often the lease of a blob is renewed while its bytes arrive. Together with the time that a
// client may send nothing (deadline.Limits.Stall) it is shorter than the lease, so that the blob of a waiting writer is
// not deleted.
const renewBlobEvery = 10 * time.Second

// BlobRecords records blobs in the database, so that those of failed uploads are deleted.
type BlobRecords interface {
	// ReserveBlob records a blob that is about to be written, with a lease.
	ReserveBlob(ctx context.Context, key string) error
	// KeepBlob renews the lease.
	KeepBlob(ctx context.Context, key string) error
	// DropBlob schedules the deletion of a blob that no file uses.
	DropBlob(ctx context.Context, key string) error
}

// Blobs stores the contents of files (models/blob).
type Blobs interface {
	Put(ctx context.Context, key string, r io.Reader) (int64, error)
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	Append(ctx context.Context, key string, offset int64, r io.Reader) (int64, error)
	Staged(ctx context.Context, key string) (int64, error)
	Cut(ctx context.Context, key string, size int64) error
	Seal(ctx context.Context, key string) error
}

// Pictures detects what files contain, and makes thumbnails (models/picture).
type Pictures interface {
	// Look detects what a user's file contains. It may wait for other files.
	Look(ctx context.Context, userID int64, r io.ReadSeeker) (models.FileFacts, error)
	// Wake reports that there is a new picture.
	Wake()
}

// Receiver stores the files that requests bring, and detects what they contain.
type Receiver struct {
	Records  BlobRecords
	Blobs    Blobs
	Pictures Pictures
	Limit    int64 // of one file, in bytes
}

// Incoming is a file as a client sends it.
type Incoming struct {
	UserID    int64 // of the sender
	Name      string
	MediaType string // as the client declares it; "" for none
	Body      io.Reader
}

// Take stores a file and describes it. If it fails, what was written is deleted soon.
func (rc Receiver) Take(ctx context.Context, f Incoming) (models.NewFile, error) {
	key := rand.Text()
	if err := rc.Records.ReserveBlob(ctx, key); err != nil {
		return models.NewFile{}, err
	}
	n, err := rc.store(ctx, key, f)
	if err != nil {
		// The request may be over already; the blob is deleted nevertheless.
		return n, errors.Join(err, rc.Records.DropBlob(context.WithoutCancel(ctx), key))
	}
	return n, nil
}

func (rc Receiver) store(ctx context.Context, key string, f Incoming) (models.NewFile, error) {
	renew := func() error { return rc.Records.KeepBlob(ctx, key) }
	body := &countedBody{r: f.Body, limit: rc.Limit, digest: sha256.New(), renew: renew, renewed: time.Now()}
	size, err := rc.Blobs.Put(ctx, key, body)
	if err != nil {
		return models.NewFile{}, err
	}
	n := models.NewFile{
		Blob: key, Name: models.FileName(f.Name), Size: size, SHA256: hex.EncodeToString(body.digest.Sum(nil)),
	}
	err = rc.describe(ctx, f.UserID, &n, f.MediaType)
	return n, err
}

// describe detects what a stored file contains, and completes n. The file must not be empty.
func (rc Receiver) describe(ctx context.Context, userID int64, n *models.NewFile, declaredType string) error {
	if n.Size == 0 {
		return models.Errorf(models.CodeBadFile, "The file is empty.")
	}
	stored, err := rc.Blobs.Open(ctx, n.Blob)
	if err != nil {
		return err
	}
	facts, err := rc.Pictures.Look(ctx, userID, stored)
	if err := errors.Join(err, stored.Close()); err != nil {
		return err
	}
	n.Width, n.Height, n.Thumbnail = facts.Width, facts.Height, facts.Thumbnail
	n.MediaType = codec.FileType(declaredType, facts)
	return nil
}

// countedBody reads the bytes of a file up to a limit. Meanwhile it computes their digest and renews the lease of the
// blob.
type countedBody struct {
	r       io.Reader
	limit   int64 // bytes
	read    int64 // bytes
	digest  hash.Hash
	renew   func() error
	renewed time.Time
}

func (b *countedBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.read += int64(n)
	if b.read > b.limit {
		return 0, TooLarge(b.limit)
	}
	_, _ = b.digest.Write(p[:n]) // never fails
	if now := time.Now(); now.Sub(b.renewed) > renewBlobEvery {
		b.renewed = now
		if err := b.renew(); err != nil {
			return n, err
		}
	}
	return n, err
}

// TooLarge is the error of a file with more than limit bytes.
func TooLarge(limit int64) error {
	return models.Errorf(models.CodeTooLarge, "A file may hold %d bytes at most.", limit)
}
