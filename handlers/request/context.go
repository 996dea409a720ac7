package request

import (
	"context"
	"crypto/rand"
	"net/http"
	"net/url"

	"github.com/go-chi/chi/v5"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
)

// Context is what is known of a request while it is served, and what its log line reports. Only the request's goroutine
// uses it.
type Context struct {
	ID         string
	route      string            // see Route
	query      url.Values        // see Query
	Client     Client            // where the request comes from
	Caller     models.Caller     // zero before authentication, and on routes without
	FromCookie bool              // the caller was authenticated by the cookie of the event stream
	TakeBytes  TakeBytesFunc     // counts what the caller writes; nil before the quotas are known
	Err        error             // the error that was sent as a problem
	Status     int               // the problem's status, also where it was sent as a busy stream; 0 for none
	Busy       models.BusyReason // why the request was refused for now; "" if it was not
	Stack      []byte            // of a panic
	Limits     deadline.Limits
}

// TakeBytesFunc counts n bytes that the caller of r is about to store, or returns rate_limited.
type TakeBytesFunc = func(w http.ResponseWriter, r *http.Request, n int) error

type contextKey struct{}

// With returns r with t as what is known of it.
func With(r *http.Request, t *Context) *http.Request {
	return r.WithContext(context.WithValue(models.WithReadPoint(r.Context()), contextKey{}, t))
}

// From returns what is known of a request. It panics without With.
func From(r *http.Request) *Context { return r.Context().Value(contextKey{}).(*Context) }

// Route returns the route of a request behind the router: its method and its pattern. HEAD counts as GET.
func Route(r *http.Request) string {
	t := From(r)
	if t.route == "" {
		method := r.Method
		if method == http.MethodHead {
			method = http.MethodGet
		}
		t.route = method + " " + chi.RouteContext(r.Context()).RoutePattern()
	}
	return t.route
}

// ParseQuery parses the query of the URL, for Query. It returns an error if the query is not well-formed. Most requests
// have none.
func ParseQuery(r *http.Request) (url.Values, error) {
	if r.URL.RawQuery == "" {
		return nil, nil
	}
	query, err := url.ParseQuery(r.URL.RawQuery)
	From(r).query = query
	return query, err
}

// Query returns the parameters in the query of the URL, which ParseQuery has parsed.
func Query(r *http.Request) url.Values { return From(r).query }

// Caller returns the user and session that make the request. On a route that needs a token they are never zero.
func Caller(r *http.Request) models.Caller { return From(r).Caller }

// Address returns the address of the client, as it is shown to people.
func Address(r *http.Request) string { return From(r).Client.Address() }

// Network returns the network that limits count the request for when there is no known user.
func Network(r *http.Request) string { return From(r).Client.Network() }

// TakeBytes counts n bytes that the caller is about to store. It returns rate_limited when the caller's quota is used
// up.
func TakeBytes(w http.ResponseWriter, r *http.Request, n int) error {
	if take := From(r).TakeBytes; take != nil {
		return take(w, r, n)
	}
	return nil
}

// maxRequestID bounds a client's own request id, in characters.
const maxRequestID = 64

// NewID returns the client's own id of the request (X-Request-Id), so that both logs can be matched, or a new one.
func NewID(r *http.Request) string {
	id := r.Header.Get("X-Request-Id")
	if visibleASCII(id, maxRequestID) {
		return id
	}
	return rand.Text()
}
