package middleware

import (
	"net/http"

	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
)

// KeepSpace refuses writes while the disk is nearly full, before the database fails in the middle of one. space returns
// an error then. The routes in allowed, reads and deletions continue to work.
func KeepSpace(space func() error, allowed map[string]bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.Method {
			case http.MethodPost, http.MethodPut, http.MethodPatch:
				if err := space(); err != nil && !allowed[request.Route(r)] {
					problem.Write(w, r, err)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}
