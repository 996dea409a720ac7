package handlers

import (
	"context"
	"errors"
	"io"
	"mime/multipart"
	"net/http"
	"strings"
	"unicode/utf8"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

const (
	formType   = "multipart/form-data"
	binaryType = "application/octet-stream"
)

type fileStore interface {
	blobLedger
	MayUpload(ctx context.Context, callerID int64, path models.RoomPath, size, others int64) (roomID int64, err error)
	KnowsKey(ctx context.Context, once *models.Once) (bool, error)
	AddFile(ctx context.Context, callerID, roomID int64, n models.NewFile, once *models.Once) (models.File, error)
	File(ctx context.Context, callerID int64, id string) (models.StoredFile, error)
	DropFiles(ctx context.Context, callerID int64, ids []string) error
}

// files are what messages carry beside their text.
type files struct {
	store   fileStore
	staging *staging
	intake  intake
}

func fileLocation(f models.File) string { return "/v1/files/" + f.ID }

// UploadFile stores one file in a room. Whether it may be stored is decided before a byte of it is read: until then a
// client that expects 100 Continue waits for it.
func (h files) UploadFile(w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.UploadFileParams) {
	answer(w, r, func() (reply, error) {
		path, err := roomAt(room)
		if err != nil {
			return reply{}, err
		}
		if n := utf8.RuneCountInString(given(params.Name)); params.Name != nil && (n < 1 || n > models.MaxFileNameLength) {
			return reply{}, models.Invalid("name", "must be 1 to %d characters", models.MaxFileNameLength)
		}
		roomID, _, uploaded, err := h.mayUpload(r, path, params.IdempotencyKey)
		if err != nil {
			return reply{}, err
		}
		defer uploaded()
		n, err := h.takeOne(r, patientBody(w, r), given(params.Name))
		if err != nil {
			return reply{}, err
		}
		re, err := h.add(r, roomID, n, params.IdempotencyKey)
		if err != nil || re.replayed {
			return re, errors.Join(err, h.drop(r, n))
		}
		h.intake.pictures.Wake()
		return re, nil
	})
}

// add gives a stored file to the room.
func (h files) add(r *http.Request, roomID int64, n models.NewFile, key *string) (reply, error) {
	once, err := newOnce(r, key, []byte(n.Name+"\x00"+n.MediaType+"\x00"+n.SHA256), encode)
	if err != nil {
		return reply{}, err
	}
	file, err := h.store.AddFile(r.Context(), callerOf(r).UserID, roomID, n, once)
	return created(file, models.Cursor{}, err, fileLocation)
}

// drop gives up what was stored for nothing. The request may be over by then.
func (h files) drop(r *http.Request, n models.NewFile) error {
	return h.store.DropBlob(context.WithoutCancel(r.Context()), n.Blob)
}

// mayUpload refuses a body that is too large, as far as its length is known, and a caller who may not send it. One that
// was answered before, under the same Idempotency-Key, takes no room. What the request brings is known to
// the caller's others until uploaded is called.
func (h files) mayUpload(r *http.Request, path models.RoomPath, key *string) (roomID int64, answered bool, uploaded func(), err error) {
	if r.ContentLength > h.intake.most+formOverhead(r) {
		return 0, false, nil, tooLarge(h.intake.most)
	}
	once, err := newOnce(r, key, nil, nil)
	if err == nil && once != nil {
		answered, err = h.store.KnowsKey(r.Context(), once)
	}
	if err != nil {
		return 0, false, nil, err
	}
	me := callerOf(r).UserID
	size := max(0, r.ContentLength-formOverhead(r))
	most := size
	if r.ContentLength < 0 {
		most = h.intake.most // as far as anybody knows
	}
	others, uploaded := h.staging.begin(me, most)
	if answered {
		size, others = 0, 0
	}
	if roomID, err = h.store.MayUpload(r.Context(), me, path, size, others); err != nil {
		uploaded()
	}
	return roomID, answered, uploaded, err
}

// formOverhead is how much of a body may be other than files.
func formOverhead(r *http.Request) int64 {
	if isForm(r) {
		return models.MaxBodyBytes
	}
	return 0
}

// isForm reports whether a body is said to be a form, be it one that lacks its boundary.
func isForm(r *http.Request) bool {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), formType) // with a boundary or, by mistake, without
}

// takeOne stores the file of a body: the body itself, or the one part of a form.
func (h files) takeOne(r *http.Request, body io.Reader, name string) (models.NewFile, error) {
	if !isForm(r) {
		return h.intake.take(r.Context(), incoming{by: callerOf(r).UserID, name: name, mediaType: r.Header.Get("Content-Type"), body: body})
	}
	parts, err := partsOf(r, body, h.intake.most)
	if err != nil {
		return models.NewFile{}, err
	}
	part, err := nextPart(parts)
	if err != nil {
		return models.NewFile{}, err
	}
	if part == nil || part.FormName() != "file" {
		return models.NewFile{}, models.Invalid("file", "must be the one part of the form")
	}
	n, err := h.intake.take(r.Context(), incomingPart(r, part))
	if err != nil {
		return n, err
	}
	if more, err := nextPart(parts); err != nil || more != nil {
		if err == nil {
			err = models.Invalid("file", "must be the one part of the form")
		}
		return n, errors.Join(err, h.drop(r, n))
	}
	return n, nil
}

func incomingPart(r *http.Request, p *multipart.Part) incoming {
	return incoming{by: callerOf(r).UserID, name: p.FileName(), mediaType: p.Header.Get("Content-Type"), body: partBody{p}}
}

// GetFile is a file's metadata.
func (h files) GetFile(w http.ResponseWriter, r *http.Request, file api.PathFile) {
	answer(w, r, func() (reply, error) {
		f, err := h.store.File(r.Context(), callerOf(r).UserID, file)
		return plain(f.File), err
	})
}
