package handlers

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
)

// trace is what is known of a request while it is served, and what its log line tells. The request's goroutine owns it.
type trace struct {
	id       string
	route    string            // see routeOf
	client   client            // where the request comes from
	caller   models.Caller     // zero before authentication, and on routes without
	bytes    *quota            // what the caller writes counts against
	cookie   bool              // the caller was known by the cookie of the event stream
	err      error             // what a problem was answered for
	problem  int               // its status, also where it was told as busy; 0 for none
	busy     models.BusyReason // why the request was refused for now; "" for not
	panicked []byte            // the stack, after a panic
	limits   deadline.Limits
}

type traceKey struct{}

func withTrace(r *http.Request, t *trace) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), traceKey{}, t))
}

func traceOf(r *http.Request) *trace { return r.Context().Value(traceKey{}).(*trace) }

// routeOf is the route of a request behind the router: its method and its pattern. HEAD goes with GET.
func routeOf(r *http.Request) string {
	t := traceOf(r)
	if t.route == "" {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		t.route = method + " " + chi.RouteContext(r.Context()).RoutePattern()
	}
	return t.route
}

// callerOf is who makes the request. On a route that needs a token it is never zero.
func callerOf(r *http.Request) models.Caller { return traceOf(r).caller }

const maxRequestID = 64

// requestID is the client's own id for the request, so that its log and ours meet, or a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if visibleASCII(id, maxRequestID) {
		return id
	}
	return rand.Text()
}

// visibleASCII reports whether s has 1 to most characters, all of them visible ASCII.
func visibleASCII(s string, most int) bool {
	for i := range len(s) {
		if s[i] < '!' || s[i] > '~' {
			return false
		}
	}
	return s != "" && len(s) <= most
}
