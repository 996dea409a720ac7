package handlers

import (
	"context"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/parley-chat/parley/handlers/token"
	"github.com/parley-chat/parley/models"
)

type sessionChecker interface {
	CheckSession(ctx context.Context, caller models.Caller) error
}

// gate lets in those whom a route admits.
type gate struct {
	tokens   *token.Keys
	sessions sessionChecker
}

func (g gate) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		how := admissions[routeOf(r)]
		if how == open || how == tokenOptional && r.Header.Get("Authorization") == "" {
			next.ServeHTTP(w, r)
			return
		}
		caller, err := g.authenticate(r, how == tokenOrCookie)
		if err != nil {
			fail(w, r, err)
			return
		}
		traceOf(r).caller = caller
		next.ServeHTTP(w, r)
	})
}

func routeOf(r *http.Request) string {
	method := r.Method
	if method == http.MethodHead {
		method = http.MethodGet
	}
	return method + " " + chi.RouteContext(r.Context()).RoutePattern()
}

// authenticate reads the bearer token or, where the route takes it, the cookie of the event stream. Its session is
// looked up each time: that is what makes a log-out hold from the moment that it is answered.
func (g gate) authenticate(r *http.Request, cookie bool) (models.Caller, error) {
	signed, audience := "", token.API
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, rest, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return models.Caller{}, models.Errorf(models.CodeUnauthenticated, "Authorization must be of the scheme Bearer.")
		}
		signed = strings.TrimSpace(rest)
	} else if c, err := r.Cookie(eventsCookie); cookie && err == nil {
		signed, audience = c.Value, token.Events
	}
	if signed == "" {
		return models.Caller{}, models.Errorf(models.CodeUnauthenticated, "This route needs an access token.")
	}
	caller, err := g.tokens.Verify(signed, audience)
	if err != nil {
		return models.Caller{}, err
	}
	return caller, g.sessions.CheckSession(r.Context(), caller)
}
