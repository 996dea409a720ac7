package handlers

import (
	"net/http"

	"github.com/parley-chat/parley/models"
)

// countRequests counts requests against their caller's quota. It stands behind the auth middleware, which finds the caller
// and counts what it refuses itself. Probes are not counted.
func countRequests(q quotas) func(http.Handler) http.Handler {
	takeBytes := q.takeBytes // once, and not for each request
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !probes[r.URL.Path] {
				if err := q.takeRequest(w, r); err != nil {
					fail(w, r, err)
					return
				}
			}
			contextOf(r).takeBytes = takeBytes
			next.ServeHTTP(w, r)
		})
	}
}

// countPages counts requests for pages that are public and the same for all.
func countPages(q quotas, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := q.takePage(w, r); err != nil {
			fail(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// handleNotFound answers requests for paths that do not exist.
func handleNotFound(q quotas) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { refuse(q, w, r, models.NotFound()) }
}

// refuse counts and answers a request that goes no further.
func refuse(q quotas, w http.ResponseWriter, r *http.Request, err error) {
	fail(w, r, q.takeRefused(w, r, err))
}
