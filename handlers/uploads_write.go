package handlers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/upload/tus"
	"github.com/parley-chat/parley/models"
)

const (
	// renewEvery is how often a writer says that it is still at it. It is well below the time that others then wait.
	renewEvery = 2 * time.Second
	// finishTimeout bounds what is done with an upload that is complete, beside the time that its bytes take at finishRate.
	finishTimeout = 10 * time.Minute
	finishRate    = 4 << 20 // bytes per second
)

// newWriter is a name for a request, of which no two have the same: the request's id is the client's to choose.
func newWriter() string { return rand.Text() }

// write adds a request's body to an upload, and makes a file of it with the last byte. What came before a connection
// broke is kept, unless it was to be checked as a whole.
func (h uploads) write(w http.ResponseWriter, r *http.Request, id string, c chunk) (u models.Upload, err error) {
	writer := newWriter()
	u, held, err := h.store.HoldUpload(r.Context(), callerOf(r).UserID, id, writer)
	switch {
	case err != nil && r.Context().Err() != nil: // the client went away, and it may be held all the same
		return u, errors.Join(err, h.store.LetUpload(context.WithoutCancel(r.Context()), id, writer))
	case err != nil:
		return u, err
	case !held:
		return u, locked()
	}
	a := appending{uploads: h, u: u, writer: writer, chunk: c}
	var leave, end func()
	a.writing, leave = h.writers.enter(id, http.NewResponseController(w))
	defer leave() // last, for who waits for it is to find the upload free
	defer context.AfterFunc(h.stopping, a.stop)()
	// From here on the request may end without the work being over.
	ctx := context.WithoutCancel(r.Context())
	defer func() { err = errors.Join(err, h.store.LetUpload(ctx, id, writer)) }()
	if u.FileID != "" {
		if c.offset != u.Size {
			err = stands(u.Size)
		}
		return u, err
	}
	a.ctx, end = a.hold(ctx)
	defer end()
	err = a.append(r)
	if err == nil && a.u.Kept == a.u.Size {
		err = a.finish(callerOf(r).UserID)
	}
	if a.wasStopped() {
		w.Header().Set("Connection", "close") // what the client had under way on it may be lost
	}
	if err != nil {
		err = errors.Join(context.Cause(a.ctx), err)
	}
	return a.u, err
}

func stands(at int64) error {
	return models.Errorf(models.CodeUploadConflict, "The upload stands at byte %d.", at)
}

// appending is one chunk on its way into an upload that its writer holds.
type appending struct {
	uploads
	ctx    context.Context //nolint:containedctx // of the one request that it is; over when the hold is lost
	u      models.Upload
	writer string
	chunk  chunk
	*writing
}

// hold renews the writer's hold, however long the client or the storage takes, until end is called. When that fails the
// context is over, and nothing more is written: somebody else may write.
func (a *appending) hold(ctx context.Context) (held context.Context, end func()) {
	held, lose := context.WithCancelCause(ctx)
	enough, over := make(chan struct{}), make(chan struct{})
	id := a.u.ID
	go func() {
		defer close(over)
		tick := time.NewTicker(renewEvery)
		defer tick.Stop()
		for {
			select {
			case <-enough:
				return
			case <-tick.C:
			}
			if err := a.store.RenewUpload(ctx, id, a.writer); err != nil {
				lose(err)
				a.stop()
				return
			}
		}
	}()
	return held, func() {
		close(enough)
		<-over
		lose(nil)
	}
}

// append stores the chunk.
func (a *appending) append(r *http.Request) error {
	if err := a.settle(); err != nil {
		return err
	}
	if a.chunk.offset != a.u.Kept {
		return stands(a.u.Kept)
	}
	rest, guarded := a.u.Size-a.u.Kept, a.chunk.checksum != nil
	if a.chunk.length > rest {
		return models.Errorf(models.CodeTooLarge, "The upload has %d bytes to come; the body has %d.", rest, a.chunk.length)
	}
	body := &bounded{ctx: a.ctx, rest: rest, checksum: a.chunk.checksum}
	body.r = newPatient(r, a.extend, a.relax)
	if rest == 0 { // its file is all that is missing
		_, err := io.Copy(io.Discard, body)
		return err
	}
	if err := a.keep(a.u.Kept, guarded); err != nil {
		return err
	}
	n, err := a.intake.blobs.Append(a.ctx, a.u.Blob, a.u.Kept, body)
	if guarded && err == nil && !a.chunk.checksum.Matches() {
		err = statusError{statusChecksumMismatch, models.Errorf(models.CodeUploadConflict, "The chunk does not match its checksum.")}
	}
	if guarded && err != nil {
		return errors.Join(err, a.discard())
	}
	a.u.Kept += n
	return errors.Join(err, a.keep(a.u.Kept, false))
}

// settle finds out how many bytes are there. Those of a chunk that was never checked are not, and go. Those of an upload
// that is complete may be sealed already.
func (a *appending) settle() error {
	if a.u.Kept == a.u.Size {
		return nil
	}
	if a.u.Guarded {
		return a.intake.blobs.Cut(a.ctx, a.u.Blob, a.u.Kept)
	}
	var err error
	a.u.Kept, err = a.intake.blobs.Staged(a.ctx, a.u.Blob)
	return err
}

// discard throws a guarded chunk away, unless the hold is lost meanwhile: whoever has it then does so first.
func (a *appending) discard() error {
	if err := a.store.RenewUpload(a.ctx, a.u.ID, a.writer); err != nil {
		return err
	}
	if err := a.intake.blobs.Cut(a.ctx, a.u.Blob, a.u.Kept); err != nil {
		return err
	}
	return a.keep(a.u.Kept, false)
}

func (a *appending) keep(kept int64, guarded bool) error {
	a.u.ExpiresAt = models.At(time.Now().Add(models.UploadLife))
	return a.store.KeepUpload(a.ctx, a.u.ID, a.writer, kept, guarded)
}

// finish makes a file of an upload that is complete.
func (a *appending) finish(callerID int64) error {
	ctx, cancel := context.WithTimeout(a.ctx, finishTimeout+time.Duration(a.u.Size/finishRate)*time.Second)
	defer cancel()
	if err := a.intake.blobs.Seal(ctx, a.u.Blob); err != nil {
		return err
	}
	n := models.NewFile{Blob: a.u.Blob, Name: a.u.Name, Size: a.u.Size}
	var err error
	if n.SHA256, err = a.digest(ctx); err == nil {
		err = a.intake.look(ctx, callerID, &n, a.u.MediaType)
	}
	var file models.File
	if err == nil {
		file, err = a.store.FinishUpload(ctx, callerID, a.u.ID, a.writer, n)
	}
	if err != nil {
		return err
	}
	a.u.FileID = file.ID
	a.intake.pictures.Wake()
	return nil
}

// digest sums the file up.
func (a *appending) digest(ctx context.Context) (string, error) {
	stored, err := a.intake.blobs.Open(ctx, a.u.Blob)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	n, err := io.Copy(sum, stored)
	if err == nil && n != a.u.Size {
		err = fmt.Errorf("upload %s: %d of %d bytes are stored", a.u.ID, n, a.u.Size)
	}
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, stored.Close())
}

// bounded reads what is to be written: no more than the upload has to come, and nothing once the hold is lost.
type bounded struct {
	ctx      context.Context //nolint:containedctx // of the one chunk that it reads
	r        io.Reader
	rest     int64 // bytes that the upload has to come
	checksum *tus.Checksum
}

func (b *bounded) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	if lost := context.Cause(b.ctx); lost != nil {
		return 0, lost
	}
	if int64(n) > b.rest {
		return 0, models.Errorf(models.CodeTooLarge, "The body has more bytes than the upload has to come.")
	}
	b.rest -= int64(n)
	if b.checksum != nil {
		_, _ = b.checksum.Write(p[:n]) // never fails
	}
	return n, err
}
