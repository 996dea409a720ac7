package handlers

import (
	"context"
	"errors"
	"io"
	"net/http"
	"unicode/utf8"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/handlers/upload"
	"github.com/parley-chat/parley/models"
)

type fileStore interface {
	upload.BlobRecords
	// MayUpload returns the id of the room if the caller may store a file of size bytes in it, while the caller's other
	// requests bring others bytes.
	MayUpload(ctx context.Context, callerID int64, path models.RoomPath, size, others int64) (roomID int64, err error)
	KnowsKey(ctx context.Context, call *models.IdempotentCall) (bool, error)
	AddFile(
		ctx context.Context, callerID, roomID int64, n models.NewFile, call *models.IdempotentCall,
	) (models.File, error)
	File(ctx context.Context, callerID int64, id string) (models.StoredFile, error)
	DropFiles(ctx context.Context, callerID int64, ids []string) error
}

// files are the files of messages.
type files struct {
	store    fileStore
	pending  *upload.PendingBytes
	receiver upload.Receiver
}

func newFiles(store fileStore, pending *upload.PendingBytes, rc upload.Receiver) files {
	return files{store: store, pending: pending, receiver: rc}
}

func fileLocation(f models.File) string { return "/v1/files/" + f.ID }

// UploadFile stores one file in a room. Whether it may be stored is decided before the body is read: a client that
// expects 100 Continue waits for that.
func (h files) UploadFile(w http.ResponseWriter, r *http.Request, room api.PathRoom, params api.UploadFileParams) {
	respond(w, r, func() (response, error) {
		path, err := parseRoom(room)
		if err != nil {
			return response{}, err
		}
		if n := utf8.RuneCountInString(valueOf(params.Name)); params.Name != nil && (n < 1 || n > models.MaxFileNameLength) {
			return response{}, models.Invalid("name", "must be 1 to %d characters", models.MaxFileNameLength)
		}
		roomID, _, end, err := h.begin(r, path, params.IdempotencyKey)
		if err != nil {
			return response{}, err
		}
		defer end()
		n, err := h.receive(r, upload.Body(w, r), valueOf(params.Name))
		if err != nil {
			return response{}, err
		}
		res, err := h.add(r, roomID, n, params.IdempotencyKey)
		if err != nil || res.replayed {
			return res, errors.Join(err, h.drop(r, n))
		}
		h.receiver.Pictures.Wake()
		return res, nil
	})
}

// add adds a stored file to the room.
func (h files) add(r *http.Request, roomID int64, n models.NewFile, key *string) (response, error) {
	call, err := request.NewIdempotentCall(r, key, []byte(n.Name+"\x00"+n.MediaType+"\x00"+n.SHA256), codec.Encode)
	if err != nil {
		return response{}, err
	}
	file, err := h.store.AddFile(r.Context(), request.Caller(r).UserID, roomID, n, call)
	return created(file, models.Cursor{}, err, fileLocation)
}

// drop deletes a stored file that was not added. The request may be over by then.
func (h files) drop(r *http.Request, n models.NewFile) error {
	return h.store.DropBlob(context.WithoutCancel(r.Context()), n.Blob)
}

// begin checks whether the caller may store the body, as far as its length is known. A request that is repeated with
// its Idempotency-Key uses no quota. Until end is called, the body counts for the caller's other requests.
func (h files) begin(
	r *http.Request, path models.RoomPath, key *string,
) (roomID int64, replayed bool, end func(), err error) {
	if r.ContentLength > h.receiver.Limit+formOverhead(r) {
		return 0, false, nil, upload.TooLarge(h.receiver.Limit)
	}
	call, err := request.NewIdempotentCall(r, key, nil, nil)
	if err == nil && call != nil {
		replayed, err = h.store.KnowsKey(r.Context(), call)
	}
	if err != nil {
		return 0, false, nil, err
	}
	me := request.Caller(r).UserID
	size := max(0, r.ContentLength-formOverhead(r))
	largest := size
	if r.ContentLength < 0 {
		largest = h.receiver.Limit // the length is unknown
	}
	others, end := h.pending.Begin(me, largest)
	if replayed {
		size, others = 0, 0
	}
	if roomID, err = h.store.MayUpload(r.Context(), me, path, size, others); err != nil {
		end()
	}
	return roomID, replayed, end, err
}

// formOverhead is how many bytes of a body may be other than files.
func formOverhead(r *http.Request) int64 {
	if request.IsForm(r) {
		return models.MaxBodyBytes
	}
	return 0
}

// receive stores the file of a body: the body itself, or the one part of a form.
func (h files) receive(r *http.Request, body io.Reader, name string) (models.NewFile, error) {
	if !request.IsForm(r) {
		file := upload.Incoming{
			UserID:    request.Caller(r).UserID,
			Name:      name,
			MediaType: r.Header.Get("Content-Type"),
			Body:      body,
		}
		return h.receiver.Take(r.Context(), file)
	}
	parts, err := upload.FormParts(r, body, h.receiver.Limit)
	if err != nil {
		return models.NewFile{}, err
	}
	part, err := upload.NextPart(parts)
	if err != nil {
		return models.NewFile{}, err
	}
	if part == nil || part.FormName() != "file" {
		return models.NewFile{}, models.Invalid("file", "must be the one part of the form")
	}
	file, ok := upload.IncomingPart(r, part)
	if !ok {
		return models.NewFile{}, models.Invalid("file", "must be chosen")
	}
	n, err := h.receiver.Take(r.Context(), file)
	if err != nil {
		return n, err
	}
	if more, err := upload.NextPart(parts); err != nil || more != nil {
		if err == nil {
			err = models.Invalid("file", "must be the one part of the form")
		}
		return n, errors.Join(err, h.drop(r, n))
	}
	return n, nil
}

// GetFile returns a file's metadata.
func (h files) GetFile(w http.ResponseWriter, r *http.Request, file api.PathFile) {
	respond(w, r, func() (response, error) {
		f, err := h.store.File(r.Context(), request.Caller(r).UserID, file)
		return plain(f.File), err
	})
}
