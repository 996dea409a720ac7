package middleware

import (
	"context"
	"net/http"
	"time"

	"github.com/parley-chat/parley/handlers/request"
)

// Timeout bounds the time of each request to limit, except for the routes in unbounded and for forms: these take as
// long as their client does.
func Timeout(limit time.Duration, unbounded map[string]bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !unbounded[request.Route(r)] && !request.IsForm(r) {
				ctx, cancel := context.WithTimeout(r.Context(), limit)
				defer cancel()
				r = r.WithContext(ctx)
			}
			next.ServeHTTP(w, r)
		})
	}
}
