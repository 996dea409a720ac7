package handlers

import (
	"context"
	"net/http"
	"time"
)

// requestTimeout bounds a request that waits for nothing but the database: a network that is cut off gives no other sign.
const requestTimeout = 20 * time.Second

// timeout bounds the time of each request, except for the routes in unbounded and for forms: these take as long as their
// client does.
func timeout(unbounded map[string]bool) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if !unbounded[routeOf(r)] && !isForm(r) {
				ctx, cancel := context.WithTimeout(r.Context(), requestTimeout)
				defer cancel()
				r = r.WithContext(ctx)
			}
			next.ServeHTTP(w, r)
		})
	}
}
