package handlers

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
)

// keepEvery is how often the lease of a blob is renewed while its bytes come. With the time that a client may send nothing
// (deadline.Limits.Stall) it is shorter than that lease, so that a blob whose writer waits is not swept.
const keepEvery = 10 * time.Second

type blobLedger interface {
	ReserveBlob(ctx context.Context, key string) error
	KeepBlob(ctx context.Context, key string) error
	DropBlob(ctx context.Context, key string) error
}

// Blobs are where the bytes of files are (models/blob).
type Blobs interface {
	Put(ctx context.Context, key string, r io.Reader) (int64, error)
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
	Append(ctx context.Context, key string, offset int64, r io.Reader) (int64, error)
	Staged(ctx context.Context, key string) (int64, error)
	Cut(ctx context.Context, key string, size int64) error
	Seal(ctx context.Context, key string) error
}

// Pictures knows what bytes are, and makes thumbnails (models/picture).
type Pictures interface {
	// Look finds out what a user's file holds; it may wait for others' files.
	Look(ctx context.Context, userID int64, r io.ReadSeeker) (models.FileFacts, error)
	// Wake says that there is a new picture.
	Wake()
}

// intake takes the bytes of files in: it stores them and looks at what they are.
type intake struct {
	ledger   blobLedger
	blobs    Blobs
	pictures Pictures
	most     int64 // bytes of one file
}

// incoming is a file as a client sends it.
type incoming struct {
	by        int64 // the user who sends it
	name      string
	mediaType string // as the client says, "" for nothing said
	body      io.Reader
}

// take stores a file and describes it. When it fails, nothing is left behind for long.
func (in intake) take(ctx context.Context, f incoming) (models.NewFile, error) {
	key := rand.Text()
	if err := in.ledger.ReserveBlob(ctx, key); err != nil {
		return models.NewFile{}, err
	}
	n, err := in.store(ctx, key, f)
	if err != nil {
		// The request may be over; that its blob goes is not the request's to wait for.
		return n, errors.Join(err, in.ledger.DropBlob(context.WithoutCancel(ctx), key))
	}
	return n, nil
}

func (in intake) store(ctx context.Context, key string, f incoming) (models.NewFile, error) {
	keep := func() error { return in.ledger.KeepBlob(ctx, key) }
	body := &counted{r: f.body, most: in.most, digest: sha256.New(), keep: keep, kept: time.Now()}
	size, err := in.blobs.Put(ctx, key, body)
	if err != nil {
		return models.NewFile{}, err
	}
	n := models.NewFile{
		Blob: key, Name: models.FileName(f.name), Size: size, SHA256: hex.EncodeToString(body.digest.Sum(nil)),
	}
	err = in.look(ctx, f.by, &n, f.mediaType)
	return n, err
}

// look finds out what a stored file of a user's is, and whether it may be.
func (in intake) look(ctx context.Context, by int64, n *models.NewFile, said string) error {
	if n.Size == 0 {
		return models.Errorf(models.CodeBadFile, "The file is empty.")
	}
	stored, err := in.blobs.Open(ctx, n.Blob)
	if err != nil {
		return err
	}
	facts, err := in.pictures.Look(ctx, by, stored)
	if err := errors.Join(err, stored.Close()); err != nil {
		return err
	}
	n.Width, n.Height, n.Thumbnail = facts.Width, facts.Height, facts.Thumbnail
	n.MediaType = agreed(said, facts)
	return nil
}

// counted reads a file's body, up to the limit, and does what is to be done as it passes: it sums it up, and says now and
// then that it still comes.
type counted struct {
	r      io.Reader
	most   int64 // bytes
	read   int64
	digest hash.Hash
	keep   func() error
	kept   time.Time
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.read += int64(n)
	if c.read > c.most {
		return 0, tooLarge(c.most)
	}
	_, _ = c.digest.Write(p[:n]) // never fails
	if now := time.Now(); now.Sub(c.kept) > keepEvery {
		c.kept = now
		if err := c.keep(); err != nil {
			return n, err
		}
	}
	return n, err
}

func tooLarge(most int64) error {
	return models.Errorf(models.CodeTooLarge, "A file may hold %d bytes at most.", most)
}

// patient is a body whose client may take its time, as long as something comes, and not all too little in the long run.
type patient struct {
	r      io.Reader
	limits deadline.Limits
	extend func(until time.Time) // gives the client time for what comes next
	enough func()                // nothing more comes
	start  time.Time
	read   int64
	ended  error
}

// patientBody is the request's body, of whatever length.
func patientBody(w http.ResponseWriter, r *http.Request) *patient {
	connection := http.NewResponseController(w)
	return newPatient(r, func(until time.Time) { _ = connection.SetReadDeadline(until) }, func() {})
}

func newPatient(r *http.Request, extend func(until time.Time), enough func()) *patient {
	return &patient{r: r.Body, limits: traceOf(r).limits, extend: extend, enough: enough, start: time.Now()}
}

// Read moves the deadline on. net/http ends it with the body: what is read from then on belongs to the connection's next
// request.
func (p *patient) Read(b []byte) (int, error) {
	if p.ended != nil {
		return 0, p.ended
	}
	until := time.Now().Add(p.limits.Stall)
	if end := p.start.Add(p.limits.Allowed(p.read)); end.Before(until) {
		until = end
	}
	p.extend(until)
	n, err := p.r.Read(b)
	p.read += int64(n)
	p.ended = err
	if err != nil {
		p.enough()
	}
	if err != nil && err != io.EOF {
		p.ended = &models.Error{Code: models.CodeMalformedBody, Message: "The body could not be read to its end.", Err: err}
	}
	return n, p.ended
}
