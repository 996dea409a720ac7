package middleware

import (
	"net/http"
	"strings"

	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/models"
)

// LimitHead bounds what the head of a request costs before anything else reads it: its size, and with it the number of
// headers and query parameters; and the number of ranges in Accept, which are parsed more than once.
func LimitHead(q limit.Quotas) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := checkHead(r); err != nil {
				r.Header.Del("Accept") // it may be the header that is too long
				refuse(q, w, r, err)
				return
			}
			next.ServeHTTP(w, r)
		})
	}
}

func checkHead(r *http.Request) error {
	if headSize(r) > models.MaxHeadBytes {
		return problem.WithStatus(http.StatusRequestHeaderFieldsTooLarge, models.Errorf(models.CodeTooLarge,
			"The request's line and headers are larger than %d bytes.", models.MaxHeadBytes))
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

// headSize is the approximate size of the request's head in bytes: its lines as they are usually written.
func headSize(r *http.Request) int {
	size := len(r.Method) + len(r.RequestURI) + len(r.Proto) + len("  \r\n\r\n") + len("Host: \r\n") + len(r.Host)
	for name, values := range r.Header {
		for _, value := range values {
			size += len(name) + len(": \r\n") + len(value)
		}
	}
	return size
}
