package handlers

import (
	"net/http"
	"strings"
)

// uploadsPath is the path of resumable uploads.
const uploadsPath = "/v1/uploads"

// isUpload reports whether the path is that of a resumable upload, or of all of them.
func isUpload(r *http.Request) bool {
	return r.URL.Path == uploadsPath || strings.HasPrefix(r.URL.Path, uploadsPath+"/")
}

const formType = "multipart/form-data"

// isForm reports whether the body is declared as a form, with a boundary or without.
func isForm(r *http.Request) bool {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	return strings.EqualFold(strings.TrimSpace(mediaType), formType)
}
