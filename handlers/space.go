package handlers

import "net/http"

// keepSpace refuses writes while the disk is nearly full, before the database fails in the middle of one. space returns an
// error then. The routes in allowed go on; so do reads and deletions.
func keepSpace(space func() error, allowed map[string]bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.Method {
			case http.MethodPost, http.MethodPut, http.MethodPatch:
				if err := space(); err != nil && !allowed[routeOf(r)] {
					fail(w, r, err)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}
