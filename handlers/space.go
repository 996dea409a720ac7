package handlers

import "net/http"

// frugal are the routes that go on while the disk is nearly full: they store nothing, or as much as it takes to come in and
// to make room. Guests, who come in by being made, are refused by their handler. What reads and what deletes goes on anyway.
var frugal = map[string]bool{
	"POST /v1/sessions":                      true,
	"POST /v1/sessions/refresh":              true,
	"POST /v1/events/cookie":                 true,
	"PUT /v1/users/me/password":              true,
	"PUT /v1/rooms/{room}/presence/{stream}": true,
	"POST /v1/rooms/{room}/typing":           true,
	"PUT /v1/rooms/{room}/bans/{user}":       true,
	"PUT /v1/blocks/{user}":                  true,
}

// keepSpace refuses what writes while there is no room for it: before the database fails in the middle of something.
func keepSpace(space func() error) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.Method {
			case http.MethodPost, http.MethodPut, http.MethodPatch:
				if err := space(); err != nil && !frugal[routeOf(r)] {
					fail(w, r, err)
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}
}
