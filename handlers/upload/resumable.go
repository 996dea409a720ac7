package upload

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/handlers/upload/tus"
	"github.com/parley-chat/parley/models"
)

const (
	// renewHoldEvery is how often a writer renews its hold on an upload. It is well below the time after which others may
	// take the upload over.
	renewHoldEvery = 2 * time.Second
	// finishTimeout bounds how long a complete upload is processed, in addition to the time that its bytes take at
	// finishRate.
	finishTimeout = 10 * time.Minute
	finishRate    = 4 << 20 // bytes per second
)

// ResumableStore is what resumable uploads need of the store. At any time one writer, named at random, holds an upload.
type ResumableStore interface {
	Upload(ctx context.Context, callerID int64, id string) (models.Upload, error)
	HoldUpload(ctx context.Context, callerID int64, id, writer string) (u models.Upload, held bool, err error)
	RenewUpload(ctx context.Context, id, writer string) error
	KeepUpload(ctx context.Context, id, writer string, offset int64, unverified bool) error
	ReleaseUpload(ctx context.Context, id, writer string) error
	FinishUpload(ctx context.Context, callerID int64, id, writer string, n models.NewFile) (models.File, error)
	DropUpload(ctx context.Context, id, writer string) error
}

// Resumable writes the chunks of uploads that may be resumed.
type Resumable struct {
	stopping context.Context //nolint:containedctx // the server's: over when no request should wait for bytes any more
	store    ResumableStore
	receiver Receiver
	writers  *writers
}

// NewResumable makes a writer of uploads. Once stopping is over, it waits for no more bytes.
func NewResumable(stopping context.Context, store ResumableStore, rc Receiver) Resumable {
	return Resumable{stopping: stopping, store: store, receiver: rc, writers: newWriters()}
}

// Chunk describes the bytes that a request brings.
type Chunk struct {
	Offset   int64
	length   int64 // -1 if unknown
	checksum *tus.Checksum
}

// ChunkOf reads the headers of a chunk (tus 1.0.0, PATCH and the extension Checksum).
func ChunkOf(r *http.Request, offset int64, checksum *string) (Chunk, error) {
	c := Chunk{Offset: offset, length: r.ContentLength}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != tus.ChunkType {
		return c, models.Errorf(
			models.CodeUnsupportedMediaType, "This route takes a body with the Content-Type %s.", tus.ChunkType,
		)
	}
	if checksum == nil {
		return c, nil
	}
	if c.checksum, err = tus.ParseChecksum(*checksum); err != nil {
		return c, models.Invalid("Upload-Checksum", "cannot be read: %v", err)
	}
	return c, nil
}

// newWriterName names a request. The request's id would not do, since clients choose it.
func newWriterName() string { return rand.Text() }

// Interrupt stops a request that still waits for bytes of the upload on a broken connection, and waits for its end.
func (ru Resumable) Interrupt(ctx context.Context, id string) { ru.writers.interrupt(ctx, id) }

// Current returns the caller's upload. Offset is the number of staged bytes that are valid.
func (ru Resumable) Current(ctx context.Context, callerID int64, id string) (models.Upload, error) {
	u, err := ru.store.Upload(ctx, callerID, id)
	if err != nil || u.Unverified || u.Offset == u.Size {
		return u, err
	}
	u.Offset, err = ru.receiver.Blobs.Staged(ctx, u.Blob)
	return u, err
}

// Drop deletes an upload that no other request writes to. It does nothing for one that has ended, or that is none of
// the caller's.
func (ru Resumable) Drop(ctx context.Context, callerID int64, id string) error {
	name := newWriterName()
	_, held, err := ru.store.HoldUpload(ctx, callerID, id, name)
	if errors.Is(err, models.NotFound()) || errors.Is(err, &models.Error{Code: models.CodeExpired}) {
		return nil
	}
	if err == nil && !held {
		err = locked()
	}
	if err != nil {
		return errors.Join(err, ru.store.ReleaseUpload(context.WithoutCancel(ctx), id, name))
	}
	return ru.store.DropUpload(ctx, id, name)
}

func locked() error {
	return problem.WithStatus(
		http.StatusLocked, models.Errorf(models.CodeUploadConflict, "Another request writes to this upload at this moment."),
	)
}

// Write appends a request's body to an upload, and creates the file after the last byte. What arrived before a
// connection broke is kept, unless it has a checksum as a whole.
func (ru Resumable) Write(w http.ResponseWriter, r *http.Request, id string, c Chunk) (u models.Upload, err error) {
	name := newWriterName()
	u, held, err := ru.store.HoldUpload(r.Context(), request.Caller(r).UserID, id, name)
	switch {
	case err != nil && r.Context().Err() != nil: // the client disconnected, and the upload may be held nevertheless
		return u, errors.Join(err, ru.store.ReleaseUpload(context.WithoutCancel(r.Context()), id, name))
	case err != nil:
		return u, err
	case !held:
		return u, locked()
	}
	a := chunkWriter{Resumable: ru, u: u, name: name, chunk: c}
	var leave, end func()
	a.writer, leave = ru.writers.enter(id, http.NewResponseController(w))
	defer leave() // after all else, so that interrupt finds the upload free
	defer context.AfterFunc(ru.stopping, a.stop)()
	// From here on the work may outlast the request.
	ctx := context.WithoutCancel(r.Context())
	defer func() { err = errors.Join(err, ru.store.ReleaseUpload(ctx, id, name)) }()
	if u.FileID != "" {
		if c.Offset != u.Size {
			err = wrongOffset(u.Size)
		}
		return u, err
	}
	a.ctx, end = a.hold(ctx)
	defer end()
	err = a.append(r)
	if err == nil && a.u.Offset == a.u.Size {
		err = a.finish(request.Caller(r).UserID)
	}
	if a.wasStopped() {
		w.Header().Set("Connection", "close") // bytes that were under way on it may be lost
	}
	if err != nil {
		err = errors.Join(context.Cause(a.ctx), err)
	}
	return a.u, err
}

func wrongOffset(current int64) error {
	return models.Errorf(models.CodeUploadConflict, "The upload is at byte %d.", current)
}

// chunkWriter writes one chunk to an upload that it holds.
type chunkWriter struct {
	Resumable
	ctx   context.Context //nolint:containedctx // of the one request that it is; over when the hold is lost
	u     models.Upload
	name  string // of the hold
	chunk Chunk
	*writer
}

// hold renews the hold, however long the client or the storage takes, until end is called. If that fails the context is
// canceled, and nothing more is written: another request may write now.
func (w *chunkWriter) hold(ctx context.Context) (held context.Context, end func()) {
	held, lose := context.WithCancelCause(ctx)
	ended, done := make(chan struct{}), make(chan struct{})
	id := w.u.ID
	go func() {
		defer close(done)
		tick := time.NewTicker(renewHoldEvery)
		defer tick.Stop()
		for {
			select {
			case <-ended:
				return
			case <-tick.C:
			}
			if err := w.store.RenewUpload(ctx, id, w.name); err != nil {
				lose(err)
				w.stop()
				return
			}
		}
	}()
	return held, func() {
		close(ended)
		<-done
		lose(nil)
	}
}

// append stores the chunk.
func (w *chunkWriter) append(r *http.Request) error {
	if err := w.countStaged(); err != nil {
		return err
	}
	if w.chunk.Offset != w.u.Offset {
		return wrongOffset(w.u.Offset)
	}
	rest, unverified := w.u.Size-w.u.Offset, w.chunk.checksum != nil
	if w.chunk.length > rest {
		return models.Errorf(
			models.CodeTooLarge, "%d bytes of the upload are missing; the body has %d.", rest, w.chunk.length,
		)
	}
	body := &chunkBody{ctx: w.ctx, rest: rest, checksum: w.chunk.checksum}
	body.r = newSlowBody(r, w.extend, w.end)
	if rest == 0 { // only its file is missing
		_, err := io.Copy(io.Discard, body)
		return err
	}
	if err := w.keep(w.u.Offset, unverified); err != nil {
		return err
	}
	n, err := w.receiver.Blobs.Append(w.ctx, w.u.Blob, w.u.Offset, body)
	if unverified && err == nil && !w.chunk.checksum.Matches() {
		err = problem.WithStatus(
			tus.StatusChecksumMismatch, models.Errorf(models.CodeUploadConflict, "The chunk does not match its checksum."),
		)
	}
	if unverified && err != nil {
		return errors.Join(err, w.discard())
	}
	w.u.Offset += n
	return errors.Join(err, w.keep(w.u.Offset, false))
}

// countStaged finds out how many valid bytes are stored. It deletes those of a chunk whose checksum was never verified.
// The blob of a complete upload may be sealed already.
func (w *chunkWriter) countStaged() error {
	if w.u.Offset == w.u.Size {
		return nil
	}
	if w.u.Unverified {
		return w.receiver.Blobs.Cut(w.ctx, w.u.Blob, w.u.Offset)
	}
	var err error
	w.u.Offset, err = w.receiver.Blobs.Staged(w.ctx, w.u.Blob)
	return err
}

// discard deletes the bytes of a chunk with a wrong checksum, unless the hold is lost: then the next holder deletes
// them.
func (w *chunkWriter) discard() error {
	if err := w.store.RenewUpload(w.ctx, w.u.ID, w.name); err != nil {
		return err
	}
	if err := w.receiver.Blobs.Cut(w.ctx, w.u.Blob, w.u.Offset); err != nil {
		return err
	}
	return w.keep(w.u.Offset, false)
}

func (w *chunkWriter) keep(offset int64, unverified bool) error {
	w.u.ExpiresAt = models.At(time.Now().Add(models.UploadLife))
	return w.store.KeepUpload(w.ctx, w.u.ID, w.name, offset, unverified)
}

// finish creates the file of a complete upload.
func (w *chunkWriter) finish(callerID int64) error {
	ctx, cancel := context.WithTimeout(w.ctx, finishTimeout+time.Duration(w.u.Size/finishRate)*time.Second)
	defer cancel()
	if err := w.receiver.Blobs.Seal(ctx, w.u.Blob); err != nil {
		return err
	}
	n := models.NewFile{Blob: w.u.Blob, Name: w.u.Name, Size: w.u.Size}
	var err error
	if n.SHA256, err = w.digest(ctx); err == nil {
		err = w.receiver.describe(ctx, callerID, &n, w.u.MediaType)
	}
	var file models.File
	if err == nil {
		file, err = w.store.FinishUpload(ctx, callerID, w.u.ID, w.name, n)
	}
	if err != nil {
		return err
	}
	w.u.FileID = file.ID
	w.receiver.Pictures.Wake()
	return nil
}

// digest computes the SHA-256 of the stored file.
func (w *chunkWriter) digest(ctx context.Context) (string, error) {
	stored, err := w.receiver.Blobs.Open(ctx, w.u.Blob)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, stored)
	if err == nil && n != w.u.Size {
		err = fmt.Errorf("upload %s: %d of %d bytes are stored", w.u.ID, n, w.u.Size)
	}
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, stored.Close())
}

// chunkBody reads the bytes of a chunk: no more than the upload lacks, and none after the hold is lost.
type chunkBody struct {
	ctx      context.Context //nolint:containedctx // of the one chunk that it reads
	r        io.Reader
	rest     int64 // bytes that the upload lacks
	checksum *tus.Checksum
}

func (b *chunkBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if lost := context.Cause(b.ctx); lost != nil {
		return 0, lost
	}
	if int64(n) > b.rest {
		return 0, models.Errorf(models.CodeTooLarge, "The body has more bytes than are missing from the upload.")
	}
	b.rest -= int64(n)
	if b.checksum != nil {
		_, _ = b.checksum.Write(p[:n]) // never fails
	}
	return n, err
}
