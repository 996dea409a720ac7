package handlers

import (
	"net/http"
	"strings"

	"github.com/parley-chat/parley/models"
)

// guardHead bounds what a request's head costs, before anything reads it: its size, and with it the number of its headers
// and of its query's parameters; and the list that is gone through more than once.
func (q quotas) guardHead(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := checkHead(r); err != nil {
			r.Header.Del("Accept") // which may be what is wrong
			q.refuse(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

func checkHead(r *http.Request) error {
	if headSize(r) > models.MaxHeadBytes {
		return statusError{http.StatusRequestHeaderFieldsTooLarge, models.Errorf(models.CodeTooLarge,
			"The request's line and headers are larger than %d bytes.", models.MaxHeadBytes)}
	}
	ranges := 0
	for _, list := range r.Header["Accept"] {
		ranges += 1 + strings.Count(list, ",")
	}
	if ranges > models.MaxAcceptRanges {
		return models.Invalid("Accept", "may name %d media types at most", models.MaxAcceptRanges)
	}
	return nil
}

// headSize is how many bytes the head took, or about that: lines as they are mostly written.
func headSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len("  \r\n\r\n") + len("Host: \r\n") + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(": \r\n") + len(value)
		}
	}
	return size
}
