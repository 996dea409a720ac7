package handlers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/tus"
	"github.com/parley-chat/parley/models"
)

// storeTimeout bounds what is still to be done for an upload when the request that brought its bytes may be over.
const storeTimeout = 10 * time.Minute

// writerOf is a name for the request, of which no two have the same: the request's id is the client's to choose.
func writerOf(*http.Request) string { return rand.Text() }

// write adds a request's body to an upload, and makes a file of it with the last byte. What came before a connection
// broke is kept, unless it was to be checked as a whole.
func (h uploads) write(w http.ResponseWriter, r *http.Request, id string, c chunk) (u models.Upload, err error) {
	writer := writerOf(r)
	u, held, err := h.store.HoldUpload(r.Context(), callerOf(r).UserID, id, writer)
	if err != nil || !held {
		if err == nil {
			err = locked()
		}
		return u, err
	}
	// From here on the request may end without the work being over.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(r.Context()), storeTimeout)
	defer cancel()
	defer func() { err = errors.Join(err, h.store.LetUpload(ctx, id, writer)) }()
	a := appending{uploads: h, ctx: ctx, u: u, writer: writer, chunk: c}
	if u.FileID == "" {
		var leave func()
		a.writing, leave = h.writers.enter(id, http.NewResponseController(w))
		defer leave()
		err = a.append(r)
	} else if c.offset != u.Size {
		err = stands(u.Size)
	}
	if err == nil && a.u.Kept == a.u.Size && a.u.FileID == "" {
		err = a.finish(callerOf(r).UserID)
	}
	return a.u, err
}

func stands(at int64) error {
	return models.Errorf(models.CodeUploadConflict, "The upload stands at byte %d.", at)
}

// appending is one chunk on its way into an upload that its writer holds.
type appending struct {
	uploads
	ctx    context.Context //nolint:containedctx // of the one request that it is
	u      models.Upload
	writer string
	chunk  chunk
	*writing
}

// append stores the chunk.
func (a *appending) append(r *http.Request) error {
	if err := a.settle(); err != nil {
		return err
	}
	if a.chunk.offset != a.u.Kept {
		return stands(a.u.Kept)
	}
	if rest := a.u.Size - a.u.Kept; a.chunk.length > rest {
		return models.Errorf(models.CodeTooLarge, "The upload has %d bytes to come; the body has %d.", rest, a.chunk.length)
	}
	if err := a.keep(a.u.Kept, a.chunk.checksum != nil); err != nil {
		return err
	}
	n, err := a.intake.blobs.Append(a.ctx, a.u.Blob, a.u.Kept, &leased{
		r: patient{r.Body, a.extend}, rest: a.u.Size - a.u.Kept, checksum: a.chunk.checksum, keep: func() error { return a.keep(a.u.Kept, a.chunk.checksum != nil) },
		kept: time.Now(),
	})
	if a.chunk.checksum != nil && (err != nil || !a.chunk.checksum.Matches()) {
		if err == nil {
			err = statusError{statusChecksumMismatch, models.Errorf(models.CodeUploadConflict, "The chunk does not match its checksum.")}
		}
		return errors.Join(err, a.intake.blobs.Cut(a.ctx, a.u.Blob, a.u.Kept), a.keep(a.u.Kept, false))
	}
	a.u.Kept += n
	return errors.Join(err, a.keep(a.u.Kept, false))
}

// settle finds out how many bytes are there. Those of a chunk that was never checked are not.
func (a *appending) settle() error {
	if a.u.Guarded {
		a.u.Guarded = false
		return a.intake.blobs.Cut(a.ctx, a.u.Blob, a.u.Kept)
	}
	var err error
	a.u.Kept, err = a.intake.blobs.Staged(a.ctx, a.u.Blob)
	return err
}

func (a *appending) keep(kept int64, guarded bool) error {
	a.u.ExpiresAt = models.At(time.Now().Add(models.UploadLife))
	return a.store.KeepUpload(a.ctx, a.u.ID, a.writer, kept, guarded)
}

// finish makes a file of an upload that is complete. One that is not what it says it is goes.
func (a *appending) finish(callerID int64) error {
	if err := a.intake.blobs.Seal(a.ctx, a.u.Blob); err != nil {
		return err
	}
	n := models.NewFile{Blob: a.u.Blob, Name: a.u.Name, Size: a.u.Size}
	var err error
	if n.SHA256, err = a.digest(); err == nil {
		err = a.intake.look(a.ctx, &n, a.u.MediaType)
	}
	var file models.File
	if err == nil {
		file, err = a.store.FinishUpload(a.ctx, callerID, a.u.ID, a.writer, n)
	}
	if errors.Is(err, &models.Error{Code: models.CodeBadFile}) {
		err = errors.Join(err, a.store.DropUpload(a.ctx, a.u.ID, a.writer))
	}
	if err != nil {
		return err
	}
	a.u.FileID = file.ID
	a.intake.pictures.Wake()
	return nil
}

// digest sums the file up.
func (a *appending) digest() (string, error) {
	stored, err := a.intake.blobs.Open(a.ctx, a.u.Blob)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	_, err = io.Copy(sum, &leased{
		r: stored, rest: a.u.Size, keep: func() error { return a.keep(a.u.Size, false) }, kept: time.Now(),
	})
	return hex.EncodeToString(sum.Sum(nil)), errors.Join(err, stored.Close())
}

// leased reads what is to be written, as long as the writer holds the upload: after a long wait, nothing is written
// before it is certain that nobody else does.
type leased struct {
	r        io.Reader
	rest     int64 // bytes that the upload has to come
	checksum *tus.Checksum
	keep     func() error
	kept     time.Time
}

func (l *leased) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if int64(n) > l.rest {
		return 0, models.Errorf(models.CodeTooLarge, "The body has more bytes than the upload has to come.")
	}
	l.rest -= int64(n)
	if l.checksum != nil {
		_, _ = l.checksum.Write(p[:n]) // never fails
	}
	if time.Since(l.kept) > keepEvery {
		if err := l.keep(); err != nil {
			return 0, err
		}
		l.kept = time.Now()
	}
	return n, err
}
