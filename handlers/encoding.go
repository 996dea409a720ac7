package handlers

import (
	"net/http"
	"strings"

	"github.com/parley-chat/parley/models"
)

// identity is the Content-Encoding of a body that is sent as it is.
const identity = "identity"

// checkEncoding refuses bodies that are compressed: nothing here would decompress them, so a file would be stored as
// what it is not.
func checkEncoding(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if coding := r.Header.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, identity) {
			w.Header().Set("Accept-Encoding", identity)
			refuseRequest(w, r, models.Errorf(models.CodeUnsupportedMediaType,
				"Bodies are sent as they are, without a Content-Encoding."))
			return
		}
		next.ServeHTTP(w, r)
	})
}
