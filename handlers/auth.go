package handlers

import (
	"context"
	"net/http"
	"strings"

	"github.com/parley-chat/parley/handlers/auth/issuer"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/models"
)

type sessionChecker interface {
	CheckSession(ctx context.Context, caller models.Caller) error
}

type arrivalStore interface {
	sessionChecker
	Arrive(ctx context.Context, a models.Arrival) (userID int64, err error)
}

// gate lets in those whom a route admits.
type gate struct {
	tokens   *token.Keys
	issuer   *issuer.Issuer // of a product that vouches for its users; nil for none
	sessions arrivalStore
	quotas   quotas
}

func (g gate) admit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		how := admissions[routeOf(r)]
		if how == open || how == tokenOptional && r.Header.Get("Authorization") == "" {
			next.ServeHTTP(w, r)
			return
		}
		// Also of requests that take as long as their client does.
		ctx, cancel := context.WithTimeout(r.Context(), requestTime)
		caller, err := g.authenticate(r.WithContext(ctx), how == tokenOrCookie)
		cancel()
		if err != nil {
			g.quotas.refuse(w, r, err)
			return
		}
		traceOf(r).caller = caller
		next.ServeHTTP(w, r)
	})
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
		traceOf(r).cookie = true
	}
	if signed == "" {
		return models.Caller{}, models.Errorf(models.CodeUnauthenticated, "This route needs an access token.")
	}
	if audience == token.API && g.issuer.Issued(signed) {
		return g.arrive(r, signed)
	}
	caller, err := g.tokens.Verify(signed, audience)
	if err != nil {
		return models.Caller{}, err
	}
	return caller, g.sessions.CheckSession(r.Context(), caller)
}

// arrive lets in whom a product vouches for. Their token is a session of its own, so that all that holds for sessions holds
// for it: it can be logged out, and its streams with it.
func (g gate) arrive(r *http.Request, signed string) (models.Caller, error) {
	t, err := g.issuer.Verify(r.Context(), signed)
	if err != nil {
		return models.Caller{}, err
	}
	session := g.tokens.SessionOf(t.Signed)
	id, err := g.sessions.Arrive(r.Context(), models.Arrival{
		Person: t.Person, SessionID: session, Device: deviceOf(r), ExpiresAt: t.ExpiresAt,
	})
	return models.Caller{UserID: id, SessionID: session}, err
}
