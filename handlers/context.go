package handlers

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
)

// reqContext is what is known of a request while it is served, and what its log line reports. Only the request's goroutine
// uses it.
type reqContext struct {
	id         string
	route      string            // see routeOf
	client     client            // where the request comes from
	caller     models.Caller     // zero before authentication, and on routes without
	fromCookie bool              // the caller was authenticated by the cookie of the event stream
	takeBytes  takeBytesFunc     // counts what the caller writes; nil before the quotas are known
	err        error             // the error that was answered as a problem
	status     int               // the problem's status, also where it was answered as a busy stream; 0 for none
	busy       models.BusyReason // why the request was refused for now; "" if it was not
	stack      []byte            // of a panic
	limits     deadline.Limits
}

// takeBytesFunc counts n bytes that the caller of r is about to store, or returns rate_limited.
type takeBytesFunc = func(w http.ResponseWriter, r *http.Request, n int) error

type contextKey struct{}

// withContext returns r with t as what is known of it.
func withContext(r *http.Request, t *reqContext) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), contextKey{}, t))
}

// contextOf returns what is known of a request. It panics without withContext.
func contextOf(r *http.Request) *reqContext { return r.Context().Value(contextKey{}).(*reqContext) }

// routeOf returns the route of a request behind the router: its method and its pattern. HEAD counts as GET.
func routeOf(r *http.Request) string {
	t := contextOf(r)
	if t.route == "" {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		t.route = method + " " + chi.RouteContext(r.Context()).RoutePattern()
	}
	return t.route
}

// callerOf returns the user and session that make the request. On a route that needs a token they are never zero.
func callerOf(r *http.Request) models.Caller { return contextOf(r).caller }

// addressOf returns the address of the client, as it is shown to people.
func addressOf(r *http.Request) string { return contextOf(r).client.address() }

// networkOf returns the network that limits count the request for when there is no known user.
func networkOf(r *http.Request) string { return contextOf(r).client.network() }

// countBytes counts n bytes that the caller is about to store. It returns rate_limited when the caller's quota is used up.
func countBytes(w http.ResponseWriter, r *http.Request, n int) error {
	if take := contextOf(r).takeBytes; take != nil {
		return take(w, r, n)
	}
	return nil
}

// maxRequestID bounds a client's own request id, in characters.
const maxRequestID = 64

// requestID returns the client's own id of the request (X-Request-Id), so that both logs can be matched, or a new one.
func requestID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if visibleASCII(id, maxRequestID) {
		return id
	}
	return rand.Text()
}
