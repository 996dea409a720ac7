package handlers

import (
	"context"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

const (
	// thumbnailTimeout is how long a request waits for a thumbnail that is being made, and thumbnailPoll how often it
	// checks.
	thumbnailTimeout = 5 * time.Second
	thumbnailPoll    = 100 * time.Millisecond
)

type contentStore interface {
	File(ctx context.Context, callerID int64, id string) (models.StoredFile, error)
}

type blobReader interface {
	Open(ctx context.Context, key string) (io.ReadSeekCloser, error)
}

// fileContents are the bytes of files.
type fileContents struct {
	store contentStore
	blobs blobReader
}

func newFileContents(store contentStore, blobs blobReader) fileContents {
	return fileContents{store: store, blobs: blobs}
}

// GetFileContent returns the bytes of a file, or a part of them.
func (h fileContents) GetFileContent(
	w http.ResponseWriter, r *http.Request, file api.PathFile, params api.GetFileContentParams,
) {
	h.respondContent(w, r, func() (served, error) { return h.content(r, file, params.Download) })
}

// HeadFileContent returns the headers of GetFileContent.
func (h fileContents) HeadFileContent(
	w http.ResponseWriter, r *http.Request, file api.PathFile, params api.HeadFileContentParams,
) {
	h.respondContent(w, r, func() (served, error) { return h.content(r, file, params.Download) })
}

func (h fileContents) content(r *http.Request, id string, download *int) (served, error) {
	asDownload, err := zeroOrOne("download", download)
	if err != nil {
		return served{}, err
	}
	f, err := h.store.File(r.Context(), request.Caller(r).UserID, id)
	if err != nil {
		return served{}, err
	}
	disposition := "attachment"
	if codec.IsInline(f.MediaType) && !asDownload {
		disposition = "inline"
	}
	return served{
		blob: f.Blob, mediaType: f.MediaType, tag: f.SHA256, made: f.CreatedAt.Time,
		disposition: mime.FormatMediaType(disposition, map[string]string{"filename": f.Name}),
	}, nil
}

// GetThumbnail returns the thumbnail of a picture. It is made after the upload, so an early request waits for it.
func (h fileContents) GetThumbnail(
	w http.ResponseWriter, r *http.Request, file api.PathFile, _ api.GetThumbnailParams,
) {
	h.respondContent(w, r, func() (served, error) {
		f, err := h.thumbnail(r.Context(), request.Caller(r).UserID, file)
		return served{
			blob: f.Thumbnail, tag: f.SHA256 + "-thumbnail", made: f.CreatedAt.Time, disposition: "inline",
		}, err
	})
}

func (h fileContents) thumbnail(ctx context.Context, callerID int64, id string) (models.StoredFile, error) {
	ctx, cancel := context.WithTimeout(ctx, thumbnailTimeout)
	defer cancel()
	poll := time.NewTicker(thumbnailPoll)
	defer poll.Stop()
	for {
		f, err := h.store.File(ctx, callerID, id)
		switch {
		case err != nil:
			return f, err
		case f.Thumbnail != "":
			return f, nil
		case !f.ThumbnailPending:
			return f, models.NotFound()
		}
		select {
		case <-poll.C:
		case <-ctx.Done():
			return f, &models.Error{
				Code: models.CodeUnavailable, Message: "The thumbnail is being made.", RetryAfter: time.Second, Err: ctx.Err(),
			}
		}
	}
}

// served is a blob to be served.
type served struct {
	blob        string
	mediaType   string // "" for detection by the first bytes
	disposition string
	tag         string
	made        time.Time
}

// respondContent runs a handler and serves the blob that it returns, or writes its error as a problem.
func (h fileContents) respondContent(w http.ResponseWriter, r *http.Request, handle func() (served, error)) {
	s, err := handle()
	var body io.ReadSeekCloser
	if err == nil {
		body, err = h.blobs.Open(r.Context(), s.blob) // not_found if it was deleted a moment ago
	}
	if err != nil {
		problem.Write(w, r, err)
		return
	}
	defer func() { _ = body.Close() }()
	s.write(w, r, body)
}

// write writes a blob, or the parts that Range asks for. Its headers keep a user's file from running scripts in the
// server's origin, however a browser displays it. Caches may store it, but must revalidate it.
func (s served) write(w http.ResponseWriter, r *http.Request, body io.ReadSeeker) {
	if strings.Count(r.Header.Get("Range"), ",") >= models.MaxRanges {
		r.Header.Del("Range") // each part needs a seek and headers of its own; the whole is cheaper (RFC 9110, section 14.2)
	}
	header := w.Header()
	header.Set("Content-Disposition", s.disposition)
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Content-Security-Policy", "sandbox")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-site")
	header.Set("ETag", `"`+s.tag+`"`)
	if list, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		r.Header.Set("Range", "bytes="+withoutEmptySuffix(list))
	} else {
		r.Header.Del("Range") // an unknown unit is ignored (RFC 9110, section 14.2)
	}
	if s.mediaType != "" {
		header.Set("Content-Type", s.mediaType)
	}
	http.ServeContent(&rangeResponse{ResponseWriter: w, request: r}, r, "", s.made, body)
}

// withoutEmptySuffix removes ranges of the last 0 bytes, which cannot be satisfied (RFC 9110, section 14.1.2) but which
// http.ServeContent would serve. If no other range is left, the result is one outside of any file.
func withoutEmptySuffix(list string) string {
	var rest []string
	for spec := range strings.SplitSeq(list, ",") {
		if suffix, ok := strings.CutPrefix(strings.TrimSpace(spec), "-"); !ok || suffix == "" ||
			strings.Trim(suffix, "0") != "" {
			rest = append(rest, spec)
		}
	}
	if len(rest) == 0 {
		return strconv.FormatInt(math.MaxInt64, 10) + "-"
	}
	return strings.Join(rest, ",")
}

// rangeResponse responds to a range outside of the file with a problem; http.ServeContent would use plain text.
type rangeResponse struct {
	http.ResponseWriter
	request *http.Request
	refused bool
}

func (r *rangeResponse) WriteHeader(status int) {
	if status != http.StatusRequestedRangeNotSatisfiable {
		r.ResponseWriter.WriteHeader(status)
		return
	}
	r.refused = true
	for _, name := range []string{"Content-Disposition", "Content-Security-Policy", "ETag", "Last-Modified"} {
		r.Header().Del(name)
	}
	err := problem.WithStatus(status, models.Invalid("Range", "lies outside of the file"))
	problem.Write(r.ResponseWriter, r.request, err)
}

func (r *rangeResponse) Write(b []byte) (int, error) {
	if r.refused {
		return len(b), nil
	}
	return r.ResponseWriter.Write(b)
}

// ReadFrom lets the kernel copy a file if the connection supports it.
func (r *rangeResponse) ReadFrom(from io.Reader) (int64, error) {
	if r.refused {
		return io.Copy(io.Discard, from)
	}
	return io.Copy(r.ResponseWriter, from)
}
