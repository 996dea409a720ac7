package handlers

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"strconv"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/upload/tus"
	"github.com/parley-chat/parley/models"
)

const statusChecksumMismatch = tus.StatusChecksumMismatch

type uploadStore interface {
	MayUpload(ctx context.Context, callerID int64, path models.RoomPath, size, others int64) (roomID int64, err error)
	BeginUpload(ctx context.Context, callerID int64, u models.Upload, once *models.Once) (models.Upload, error)
	Upload(ctx context.Context, callerID int64, id string) (models.Upload, error)
	HoldUpload(ctx context.Context, callerID int64, id, writer string) (u models.Upload, held bool, err error)
	RenewUpload(ctx context.Context, id, writer string) error
	KeepUpload(ctx context.Context, id, writer string, kept int64, guarded bool) error
	LetUpload(ctx context.Context, id, writer string) error
	FinishUpload(ctx context.Context, callerID int64, id, writer string, n models.NewFile) (models.File, error)
	DropUpload(ctx context.Context, id, writer string) error
}

// uploads are files that come in chunks, with tus. There is a library for that (tusd), but it knows neither checksums nor
// expiration, and answers errors in its own way.
type uploads struct {
	stopping context.Context //nolint:containedctx // the server's: over when nobody should wait for bytes any more
	store    uploadStore
	staging  *staging
	intake   intake
	writers  *writers
}

func newUploads(stopping context.Context, store uploadStore, f files) uploads {
	return uploads{stopping: stopping, store: store, staging: f.staging, intake: f.intake, writers: newWriters()}
}

// answerTus is answer for a client that speaks tus, which is told so in whatever comes back.
func answerTus(w http.ResponseWriter, r *http.Request, version *string, handle func() (reply, error)) {
	w.Header().Set("Tus-Resumable", tus.Version)
	answer(w, r, func() (reply, error) {
		if given(version) != tus.Version {
			return reply{}, otherTus(w)
		}
		return handle()
	})
}

// otherTus is the error for who speaks no tus, or another version of it.
func otherTus(w http.ResponseWriter) error {
	w.Header().Set("Tus-Version", tus.Version)
	return statusError{http.StatusPreconditionFailed, models.Invalid("Tus-Resumable", "must be %s", tus.Version)}
}

// GetUploadOptions says what uploads can do.
func (h uploads) GetUploadOptions(w http.ResponseWriter, _ *http.Request) {
	h.options(w, "POST, OPTIONS")
}

// GetOneUploadOptions says the same of one upload, whether or not it is there.
func (h uploads) GetOneUploadOptions(w http.ResponseWriter, _ *http.Request, _ api.PathUpload) {
	h.options(w, "HEAD, PATCH, DELETE, OPTIONS")
}

func (h uploads) options(w http.ResponseWriter, allow string) {
	for name, value := range map[string]string{
		"Allow": allow, "Tus-Resumable": tus.Version, "Tus-Version": tus.Version, "Tus-Extension": tus.Extensions,
		"Tus-Max-Size": strconv.FormatInt(h.intake.most, 10), "Tus-Checksum-Algorithm": tus.Algorithms,
	} {
		w.Header().Set(name, value)
	}
	w.WriteHeader(http.StatusNoContent)
}

// CreateUpload begins an upload, perhaps with its first bytes.
func (h uploads) CreateUpload(w http.ResponseWriter, r *http.Request, params api.CreateUploadParams) {
	answerTus(w, r, params.TusResumable, func() (reply, error) {
		u, err := h.described(r, params)
		if err != nil {
			return reply{}, err
		}
		if err := countBytes(w, r, len(params.UploadMetadata)); err != nil {
			return reply{}, err
		}
		var c chunk
		if r.ContentLength != 0 {
			if c, err = chunkOf(r, 0, params.UploadChecksum); err != nil {
				return reply{}, err
			}
		}
		once, err := newOnce(r, params.IdempotencyKey, []byte(params.UploadMetadata+"\x00"+strconv.FormatInt(u.Size, 10)), encode)
		if err != nil {
			return reply{}, err
		}
		u, err = h.store.BeginUpload(r.Context(), callerOf(r).UserID, u, once)
		re, err := created(u, models.Cursor{}, err, func(u models.Upload) string { return "/v1/uploads/" + u.ID })
		if err != nil {
			return reply{}, err
		}
		u, re.body = re.body.(models.Upload), nil
		w.Header().Set("Location", re.location)
		if r.ContentLength != 0 && !re.replayed {
			u, err = h.write(w, r, u.ID, c)
		} else if re.replayed {
			u, err = h.standing(r, u.ID)
		}
		h.tell(w, u)
		return re, err
	})
}

// described is the upload that the headers ask for, if its caller may have it.
func (h uploads) described(r *http.Request, params api.CreateUploadParams) (models.Upload, error) {
	if !storable(params.UploadMetadata) {
		return models.Upload{}, models.Invalid("Upload-Metadata", "must be text in UTF-8")
	}
	if len(params.UploadMetadata) > models.MaxUploadMetadata {
		return models.Upload{}, models.Invalid("Upload-Metadata", "must hold at most %d bytes", models.MaxUploadMetadata)
	}
	metadata, err := tus.ParseMetadata(params.UploadMetadata)
	if err != nil {
		return models.Upload{}, models.Invalid("Upload-Metadata", "cannot be read: %v", err)
	}
	path, ok := models.ParseRoomPath(metadata["room_id"])
	switch {
	case metadata["room_id"] == "":
		return models.Upload{}, models.Invalid("Upload-Metadata", "must name the room_id")
	case !ok:
		return models.Upload{}, models.NotFound()
	case params.UploadLength < 1:
		return models.Upload{}, models.Invalid("Upload-Length", "must be 1 or more")
	case params.UploadLength > h.intake.most:
		return models.Upload{}, tooLarge(h.intake.most)
	}
	said := cut(metadata["filetype"], models.MaxMediaTypeLength)
	if !storable(said) {
		said = "" // nothing that says what it is
	}
	roomID, err := h.store.MayUpload(r.Context(), callerOf(r).UserID, path, params.UploadLength, h.staging.of(callerOf(r).UserID))
	return models.Upload{
		RoomID: roomID, Name: models.FileName(metadata["filename"]), Size: params.UploadLength, Metadata: params.UploadMetadata,
		MediaType: said,
	}, err
}

// HeadUpload says where to go on. Who asks that is not sending any more: a request that still waits for bytes of the
// upload, since its connection broke without a word, is ended first. An upload that has all its bytes, but no file since
// the server ended at that moment, gets it now: a client that hears of no byte to send would send none.
func (h uploads) HeadUpload(w http.ResponseWriter, r *http.Request, upload api.PathUpload, params api.HeadUploadParams) {
	answerTus(w, r, params.TusResumable, func() (reply, error) {
		if _, err := h.store.Upload(r.Context(), callerOf(r).UserID, upload); err != nil {
			return reply{}, err
		}
		h.writers.interrupt(r.Context(), upload)
		u, err := h.standing(r, upload)
		if err == nil && u.Kept == u.Size && u.FileID == "" {
			u, err = h.write(w, r, upload, chunk{offset: u.Size})
		}
		if err != nil {
			return reply{}, err
		}
		h.tell(w, u)
		w.Header().Set("Upload-Length", strconv.FormatInt(u.Size, 10))
		w.Header().Set("Upload-Metadata", u.Metadata)
		return reply{status: http.StatusOK}, nil
	})
}

// standing is the upload, with what is good of its staged bytes as Kept.
func (h uploads) standing(r *http.Request, id string) (models.Upload, error) {
	u, err := h.store.Upload(r.Context(), callerOf(r).UserID, id)
	if err != nil || u.Guarded || u.Kept == u.Size {
		return u, err
	}
	u.Kept, err = h.intake.blobs.Staged(r.Context(), u.Blob)
	return u, err
}

// tell says where the upload stands.
func (h uploads) tell(w http.ResponseWriter, u models.Upload) {
	w.Header().Set("Upload-Offset", strconv.FormatInt(u.Kept, 10))
	w.Header().Set("Upload-Expires", tus.Expires(u.ExpiresAt.Time))
	if u.FileID != "" {
		w.Header().Set("Parley-File-Id", u.FileID)
	}
}

// PatchUpload takes a chunk, the file's last one perhaps.
func (h uploads) PatchUpload(w http.ResponseWriter, r *http.Request, upload api.PathUpload, params api.PatchUploadParams) {
	answerTus(w, r, params.TusResumable, func() (reply, error) {
		c, err := chunkOf(r, params.UploadOffset, params.UploadChecksum)
		if err != nil {
			return reply{}, err
		}
		u, err := h.write(w, r, upload, c)
		if err != nil {
			return reply{}, err
		}
		h.tell(w, u)
		return done(models.Cursor{}), nil
	})
}

// chunk is what a request says of the bytes that it brings.
type chunk struct {
	offset   int64
	length   int64 // -1 for not said
	checksum *tus.Checksum
}

func chunkOf(r *http.Request, offset int64, checksum *string) (chunk, error) {
	c := chunk{offset: offset, length: r.ContentLength}
	mediaType, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil || mediaType != tus.ChunkType {
		return c, models.Errorf(models.CodeUnsupportedMediaType, "This route takes a body with the Content-Type %s.", tus.ChunkType)
	}
	if checksum == nil {
		return c, nil
	}
	if c.checksum, err = tus.ParseChecksum(*checksum); err != nil {
		return c, models.Invalid("Upload-Checksum", "cannot be read: %v", err)
	}
	return c, nil
}

// DeleteUpload gives an upload up.
func (h uploads) DeleteUpload(w http.ResponseWriter, r *http.Request, upload api.PathUpload, params api.DeleteUploadParams) {
	answerTus(w, r, params.TusResumable, func() (reply, error) {
		writer := newWriter()
		_, held, err := h.store.HoldUpload(r.Context(), callerOf(r).UserID, upload, writer)
		if err == nil && !held {
			err = locked()
		}
		if err != nil {
			return reply{}, errors.Join(err, h.store.LetUpload(context.WithoutCancel(r.Context()), upload, writer))
		}
		return done(models.Cursor{}), h.store.DropUpload(r.Context(), upload, writer)
	})
}

func locked() error {
	return statusError{http.StatusLocked, models.Errorf(models.CodeUploadConflict, "Another request writes to this upload at this moment.")}
}
