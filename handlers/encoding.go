package handlers

import (
	"net/http"
	"slices"
	"strings"

	"github.com/parley-chat/parley/models"
)

// identity is the Content-Encoding of a body that is sent as it is.
const identity = "identity"

// checkEncoding refuses bodies that are compressed: nothing here would decompress them, so a file would be stored as
// what it is not.
func checkEncoding(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if slices.ContainsFunc(r.Header["Content-Encoding"], isCompressed) {
			w.Header().Set("Accept-Encoding", identity)
			refuseRequest(w, r, models.Errorf(models.CodeUnsupportedMediaType,
				"Bodies are sent as they are, without a Content-Encoding."))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func isCompressed(coding string) bool { return coding != "" && !strings.EqualFold(coding, identity) }
