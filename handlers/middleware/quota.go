package middleware

import (
	"net/http"

	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// CountRequests counts requests against their caller's quota. It comes after the auth middleware, which finds the
// caller and counts what it refuses itself. Probes are not counted.
func CountRequests(q limit.Quotas) func(http.Handler) http.Handler {
	takeBytes := q.TakeBytes // once, and not for each request
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !probes[r.URL.Path] {
				if err := q.TakeRequest(w, r); err != nil {
					problem.Write(w, r, err)
					return
				}
			}
			request.From(r).TakeBytes = takeBytes
			next.ServeHTTP(w, r)
		})
	}
}

// CountPages counts requests for pages that are public and the same for all.
func CountPages(q limit.Quotas, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := q.TakePage(w, r); err != nil {
			problem.Write(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// NotFound responds to requests for paths that do not exist.
func NotFound(q limit.Quotas) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) { refuse(q, w, r, models.NotFound()) }
}

// refuse counts and responds to a request that goes no further.
func refuse(q limit.Quotas, w http.ResponseWriter, r *http.Request, err error) {
	problem.Write(w, r, q.TakeRefused(w, r, err))
}
