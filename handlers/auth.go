package handlers

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/parley-chat/parley/handlers/auth/issuer"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/models"
)

// authSessions is what the auth middleware needs of the store.
type authSessions interface {
	// CheckSession returns session_revoked if the session has ended.
	CheckSession(ctx context.Context, caller models.Caller) error
	Arrive(ctx context.Context, a models.Arrival) (userID int64, err error)
}

// authMiddleware finds the caller of each request, as the policy of its route demands.
type authMiddleware struct {
	tokens   *token.Keys
	issuer   *issuer.Issuer // of a product with its own users; nil for none
	sessions authSessions
	quotas   quotas
	policies authPolicies
	timeout  time.Duration // of one authentication
}

// authenticate puts the caller into the request's context, or refuses the request.
func (m authMiddleware) authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		policy := m.policies[routeOf(r)]
		if policy == public || policy == tokenOptional && r.Header.Get("Authorization") == "" {
			next.ServeHTTP(w, r)
			return
		}
		// This timeout also applies to routes that have none.
		ctx, cancel := context.WithTimeout(r.Context(), m.timeout)
		caller, err := m.callerOf(r.WithContext(ctx), policy == tokenOrCookie)
		cancel()
		if err != nil {
			fail(w, r, m.quotas.takeRefused(w, r, err))
			return
		}
		contextOf(r).caller = caller
		next.ServeHTTP(w, r)
	})
}

// callerOf checks the bearer token or, if the route accepts it, the cookie of the event stream. The session is looked up for
// each request: so a log-out takes effect as soon as it is answered.
func (m authMiddleware) callerOf(r *http.Request, cookie bool) (models.Caller, error) {
	signed, audience := "", token.API
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, rest, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return models.Caller{}, models.Errorf(models.CodeUnauthenticated, "Authorization must be of the scheme Bearer.")
		}
		signed = strings.TrimSpace(rest)
	} else if c, err := r.Cookie(eventsCookie); cookie && err == nil {
		signed, audience = c.Value, token.Events
		contextOf(r).fromCookie = true
	}
	if signed == "" {
		return models.Caller{}, models.Errorf(models.CodeUnauthenticated, "This route needs an access token.")
	}
	if audience == token.API && m.issuer.Issued(signed) {
		return m.provision(r, signed)
	}
	caller, err := m.tokens.Verify(signed, audience)
	if err != nil {
		return models.Caller{}, err
	}
	return caller, m.sessions.CheckSession(r.Context(), caller)
}

// provision finds or creates the user of a product's own token. The token is a session of its own, with all rules of
// sessions: a log-out revokes it, and closes its streams.
func (m authMiddleware) provision(r *http.Request, signed string) (models.Caller, error) {
	t, err := m.issuer.Verify(r.Context(), signed)
	if err != nil {
		return models.Caller{}, err
	}
	session := m.tokens.SessionOf(t.Signed)
	id, err := m.sessions.Arrive(r.Context(), models.Arrival{
		Person: t.Person, SessionID: session, Device: deviceOf(r), ExpiresAt: t.ExpiresAt,
	})
	return models.Caller{UserID: id, SessionID: session}, err
}
