package request

import (
	"net/http"
	"strings"
)

// uploadsPath is the path of resumable uploads.
const uploadsPath = "/v1/uploads"

// IsUpload reports whether the path is that of a resumable upload, or of all of them.
func IsUpload(r *http.Request) bool {
	return r.URL.Path == uploadsPath || strings.HasPrefix(r.URL.Path, uploadsPath+"/")
}

// FormType is the media type of forms.
const FormType = "multipart/form-data"

// IsForm reports whether the body is declared as a form, with a boundary or without.
func IsForm(r *http.Request) bool {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), FormType)
}
