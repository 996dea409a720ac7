package handlers

import (
	"context"
	"io"
	"math"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/models"
)

const (
	// thumbnailPatience is how long a request waits for a thumbnail that is being made, and thumbnailLook how often it looks.
	thumbnailPatience = 5 * time.Second
	thumbnailLook     = 100 * time.Millisecond
)

type contentStore interface {
	File(ctx context.Context, callerID int64, id string) (models.StoredFile, error)
}

// contents are the bytes of files.
type contents struct {
	store contentStore
	blobs Blobs
}

// GetFileContent is the bytes, or a part of them.
func (h contents) GetFileContent(w http.ResponseWriter, r *http.Request, file api.PathFile, params api.GetFileContentParams) {
	h.content(w, r, file, params.Download)
}

// HeadFileContent is the head of GetFileContent's answer.
func (h contents) HeadFileContent(w http.ResponseWriter, r *http.Request, file api.PathFile, params api.HeadFileContentParams) {
	h.content(w, r, file, params.Download)
}

func (h contents) content(w http.ResponseWriter, r *http.Request, id string, download *int) {
	if download != nil && *download != 0 && *download != 1 {
		fail(w, r, models.Invalid("download", "must be 0 or 1"))
		return
	}
	f, err := h.store.File(r.Context(), callerOf(r).UserID, id)
	if err != nil {
		fail(w, r, err)
		return
	}
	how := "attachment"
	if slices.Contains(inline, f.MediaType) && given(download) != 1 {
		how = "inline"
	}
	w.Header().Set("Content-Disposition", mime.FormatMediaType(how, map[string]string{"filename": f.Name}))
	h.serve(w, r, served{blob: f.Blob, mediaType: f.MediaType, tag: f.SHA256, made: f.CreatedAt.Time})
}

// GetThumbnail is the small picture. It is made apart from the request that brought the large one, so one that comes
// very soon waits for it.
func (h contents) GetThumbnail(w http.ResponseWriter, r *http.Request, file api.PathFile, _ api.GetThumbnailParams) {
	f, err := h.thumbnail(r.Context(), callerOf(r).UserID, file)
	if err != nil {
		fail(w, r, err)
		return
	}
	w.Header().Set("Content-Disposition", "inline")
	h.serve(w, r, served{blob: f.Thumbnail, tag: f.SHA256 + "-thumbnail", made: f.CreatedAt.Time})
}

func (h contents) thumbnail(ctx context.Context, callerID int64, id string) (models.StoredFile, error) {
	ctx, cancel := context.WithTimeout(ctx, thumbnailPatience)
	defer cancel()
	look := time.NewTicker(thumbnailLook)
	defer look.Stop()
	for {
		f, err := h.store.File(ctx, callerID, id)
		switch {
		case err != nil:
			return f, err
		case f.Thumbnail != "":
			return f, nil
		case !f.Coming:
			return f, models.NotFound()
		}
		select {
		case <-look.C:
		case <-ctx.Done():
			return f, &models.Error{
				Code: models.CodeUnavailable, Message: "The thumbnail is being made.", RetryAfter: time.Second, Err: ctx.Err(),
			}
		}
	}
}

// served is what is to be served.
type served struct {
	blob      string
	mediaType string // "" for what the first bytes tell
	tag       string
	made      time.Time
}

// serve writes a blob, or the part of it that Range asks for. Nothing that a user sent runs in the server's name, in
// whatever way a browser comes to look at it; and it may be kept, but not shown again without having asked.
func (h contents) serve(w http.ResponseWriter, r *http.Request, s served) {
	if strings.Count(r.Header.Get("Range"), ",") >= models.MaxRanges {
		r.Header.Del("Range") // each part is looked for, and has a head of its own: the whole is less (RFC 9110, section 14.2)
	}
	body, err := h.blobs.Open(r.Context(), s.blob)
	if err != nil { // not_found when it was deleted a moment ago
		w.Header().Del("Content-Disposition")
		fail(w, r, err)
		return
	}
	defer func() { _ = body.Close() }()
	header := w.Header()
	header.Set("Cache-Control", "private, no-cache")
	header.Set("Content-Security-Policy", "sandbox")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Cross-Origin-Resource-Policy", "same-site")
	header.Set("ETag", `"`+s.tag+`"`)
	if list, ok := strings.CutPrefix(r.Header.Get("Range"), "bytes="); ok {
		r.Header.Set("Range", "bytes="+withoutEmpty(list))
	} else {
		r.Header.Del("Range") // a unit that is not known is as good as none (RFC 9110, section 14.2)
	}
	if s.mediaType != "" {
		header.Set("Content-Type", s.mediaType)
	}
	http.ServeContent(&rangeAnswer{ResponseWriter: w, r: r}, r, "", s.made, body)
}

// withoutEmpty is a list of ranges without those of the last 0 bytes, which nothing can satisfy (RFC 9110, section 14.1.2)
// and http.ServeContent would answer. When no other is left, it is a range outside of any file.
func withoutEmpty(list string) string {
	var rest []string
	for spec := range strings.SplitSeq(list, ",") {
		if suffix, ok := strings.CutPrefix(strings.TrimSpace(spec), "-"); !ok || suffix == "" || strings.Trim(suffix, "0") != "" {
			rest = append(rest, spec)
		}
	}
	if len(rest) == 0 {
		return strconv.FormatInt(math.MaxInt64, 10) + "-"
	}
	return strings.Join(rest, ",")
}

// rangeAnswer makes a problem of a range that lies outside of the file, which http.ServeContent answers in plain text.
type rangeAnswer struct {
	http.ResponseWriter
	r       *http.Request
	refused bool
}

func (a *rangeAnswer) WriteHeader(status int) {
	if status != http.StatusRequestedRangeNotSatisfiable {
		a.ResponseWriter.WriteHeader(status)
		return
	}
	a.refused = true
	for _, name := range []string{"Content-Disposition", "Content-Security-Policy", "ETag", "Last-Modified"} {
		a.Header().Del(name)
	}
	fail(a.ResponseWriter, a.r, statusError{status, models.Invalid("Range", "lies outside of the file")})
}

func (a *rangeAnswer) Write(b []byte) (int, error) {
	if a.refused {
		return len(b), nil
	}
	return a.ResponseWriter.Write(b)
}

// ReadFrom lets the kernel copy a file where the connection can.
func (a *rangeAnswer) ReadFrom(from io.Reader) (int64, error) {
	if a.refused {
		return io.Copy(io.Discard, from)
	}
	return io.Copy(a.ResponseWriter, from)
}
