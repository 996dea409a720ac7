package handlers

import (
	"context"
	"net/http"
	"strconv"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/handlers/upload"
	"github.com/parley-chat/parley/handlers/upload/tus"
	"github.com/parley-chat/parley/models"
)

type uploadStore interface {
	upload.ResumableStore
	MayUpload(ctx context.Context, callerID int64, path models.RoomPath, size, others int64) (roomID int64, err error)
	BeginUpload(ctx context.Context, callerID int64, u models.Upload, call *models.IdempotentCall) (models.Upload, error)
}

// uploads are files that arrive in chunks, by the protocol tus. The library tusd supports neither checksums nor
// expiration, and responds to errors in its own format.
type uploads struct {
	store     uploadStore
	pending   *upload.PendingBytes
	limit     int64 // of one file, in bytes
	resumable upload.Resumable
}

func newUploads(stopping context.Context, store uploadStore, pending *upload.PendingBytes, rc upload.Receiver) uploads {
	return uploads{store: store, pending: pending, limit: rc.Limit, resumable: upload.NewResumable(stopping, store, rc)}
}

// respondTus is respond for tus, whose version is in every response.
func respondTus(w http.ResponseWriter, r *http.Request, version string, handle func() (response, error)) {
	w.Header().Set("Tus-Resumable", tus.Version)
	respond(w, r, func() (response, error) {
		if version != tus.Version {
			return response{}, wrongTusVersion(w)
		}
		return handle()
	})
}

// wrongTusVersion is the error of a request without the header Tus-Resumable, or with another version.
func wrongTusVersion(w http.ResponseWriter) error {
	w.Header().Set("Tus-Version", tus.Version)
	return problem.WithStatus(http.StatusPreconditionFailed, models.Invalid("Tus-Resumable", "must be %s", tus.Version))
}

// GetUploadOptions lists the capabilities of uploads.
func (h uploads) GetUploadOptions(w http.ResponseWriter, _ *http.Request) {
	h.options(w, "POST, OPTIONS")
}

// GetOneUploadOptions lists the capabilities of one upload, whether or not it exists.
func (h uploads) GetOneUploadOptions(w http.ResponseWriter, _ *http.Request, _ api.PathUpload) {
	h.options(w, "HEAD, PATCH, DELETE, OPTIONS")
}

func (h uploads) options(w http.ResponseWriter, allow string) {
	for name, value := range map[string]string{
		"Allow": allow, "Tus-Resumable": tus.Version, "Tus-Version": tus.Version, "Tus-Extension": tus.Extensions,
		"Tus-Max-Size": strconv.FormatInt(h.limit, 10), "Tus-Checksum-Algorithm": tus.Algorithms,
	} {
		w.Header().Set(name, value)
	}
	w.WriteHeader(http.StatusNoContent)
}

// CreateUpload begins an upload, optionally with its first bytes.
func (h uploads) CreateUpload(w http.ResponseWriter, r *http.Request, params api.CreateUploadParams) {
	respondTus(w, r, params.TusResumable, func() (response, error) {
		u, err := h.newUpload(r, params)
		if err != nil {
			return response{}, err
		}
		if err := request.TakeBytes(w, r, len(params.UploadMetadata)); err != nil {
			return response{}, err
		}
		var c upload.Chunk
		if r.ContentLength != 0 {
			if c, err = upload.ChunkOf(r, 0, params.UploadChecksum); err != nil {
				return response{}, err
			}
		}
		call, err := request.NewIdempotentCall(
			r, params.IdempotencyKey, []byte(params.UploadMetadata+"\x00"+strconv.FormatInt(u.Size, 10)), codec.Encode,
		)
		if err != nil {
			return response{}, err
		}
		u, err = h.store.BeginUpload(r.Context(), request.Caller(r).UserID, u, call)
		res, err := created(u, models.Cursor{}, err, func(u models.Upload) string { return "/v1/uploads/" + u.ID })
		if err != nil {
			return response{}, err
		}
		u, res.body = res.body.(models.Upload), nil
		w.Header().Set("Location", res.location)
		if r.ContentLength != 0 && !res.replayed {
			u, err = h.resumable.Write(w, r, u.ID, c)
		} else if res.replayed {
			u, err = h.resumable.Current(r.Context(), request.Caller(r).UserID, u.ID)
		}
		setUploadHeaders(w, u)
		return res, err
	})
}

// newUpload is the upload that the headers describe, if its caller may create it.
func (h uploads) newUpload(r *http.Request, params api.CreateUploadParams) (models.Upload, error) {
	if !request.Storable(params.UploadMetadata) {
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
	case params.UploadLength > h.limit:
		return models.Upload{}, upload.TooLarge(h.limit)
	}
	declaredType := request.Truncate(metadata["filetype"], models.MaxMediaTypeLength)
	if !request.Storable(declaredType) {
		declaredType = "" // as if there were none
	}
	me := request.Caller(r).UserID
	roomID, err := h.store.MayUpload(r.Context(), me, path, params.UploadLength, h.pending.Of(me))
	return models.Upload{
		RoomID:    roomID,
		Name:      models.FileName(metadata["filename"]),
		Size:      params.UploadLength,
		Metadata:  params.UploadMetadata,
		MediaType: declaredType,
	}, err
}

// HeadUpload returns the offset to resume at. A client that asks for it no longer sends, so a request that still waits
// for bytes of the upload, on a connection that broke silently, is ended first. A complete upload without a file,
// because the server stopped at that moment, gets its file now: the client would not send another chunk.
func (h uploads) HeadUpload(w http.ResponseWriter, r *http.Request, id api.PathUpload, params api.HeadUploadParams) {
	respondTus(w, r, params.TusResumable, func() (response, error) {
		me := request.Caller(r).UserID
		if _, err := h.store.Upload(r.Context(), me, id); err != nil {
			return response{}, err
		}
		h.resumable.Interrupt(r.Context(), id)
		u, err := h.resumable.Current(r.Context(), me, id)
		if err == nil && u.Offset == u.Size && u.FileID == "" {
			u, err = h.resumable.Write(w, r, id, upload.Chunk{Offset: u.Size})
		}
		if err != nil {
			return response{}, err
		}
		setUploadHeaders(w, u)
		w.Header().Set("Upload-Length", strconv.FormatInt(u.Size, 10))
		w.Header().Set("Upload-Metadata", u.Metadata)
		return response{status: http.StatusOK}, nil
	})
}

func setUploadHeaders(w http.ResponseWriter, u models.Upload) {
	w.Header().Set("Upload-Offset", strconv.FormatInt(u.Offset, 10))
	w.Header().Set("Upload-Expires", tus.Expires(u.ExpiresAt.Time))
	if u.FileID != "" {
		w.Header().Set("Parley-File-Id", u.FileID)
	}
}

// PatchUpload appends a chunk. The last one completes the file.
func (h uploads) PatchUpload(w http.ResponseWriter, r *http.Request, id api.PathUpload, params api.PatchUploadParams) {
	respondTus(w, r, params.TusResumable, func() (response, error) {
		c, err := upload.ChunkOf(r, params.UploadOffset, params.UploadChecksum)
		if err != nil {
			return response{}, err
		}
		u, err := h.resumable.Write(w, r, id, c)
		if err != nil {
			return response{}, err
		}
		setUploadHeaders(w, u)
		return done(models.Cursor{}), nil
	})
}

// DeleteUpload deletes an upload that is not complete.
func (h uploads) DeleteUpload(
	w http.ResponseWriter, r *http.Request, id api.PathUpload, params api.DeleteUploadParams,
) {
	respondTus(w, r, params.TusResumable, func() (response, error) {
		return done(models.Cursor{}), h.resumable.Drop(r.Context(), request.Caller(r).UserID, id)
	})
}
