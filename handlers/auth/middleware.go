package auth

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/parley-chat/parley/handlers/auth/issuer"
	"github.com/parley-chat/parley/handlers/auth/token"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// Sessions is what the auth middleware needs of the store.
type Sessions interface {
	// CheckSession returns session_revoked if the session has ended.
	CheckSession(ctx context.Context, caller models.Caller) error
	ProvisionUser(ctx context.Context, a models.ProductToken) (userID int64, err error)
}

// Middleware finds the caller of each request, as the policy of its route demands.
type Middleware struct {
	Tokens   *token.Keys
	Issuer   *issuer.Issuer // of a product with its own users; nil for none
	Sessions Sessions
	Quotas   limit.Quotas
	Policies Policies
	Timeout  time.Duration // of one authentication
}

// Authenticate puts the caller into the request's context, or refuses the request.
func (m Middleware) Authenticate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		policy := m.Policies[request.Route(r)]
		if policy == Public || policy == TokenOptional && r.Header.Get("Authorization") == "" {
			next.ServeHTTP(w, r)
			return
		}
		caller, err := m.callerInTime(r, policy == TokenOrCookie)
		if err != nil {
			problem.Write(w, r, m.Quotas.TakeRefused(w, r, err))
			return
		}
		request.From(r).Caller = caller
		next.ServeHTTP(w, r)
	})
}

// callerInTime is callerOf with a timeout, also on routes that have none. On all others the request's own is as strict.
func (m Middleware) callerInTime(r *http.Request, cookie bool) (models.Caller, error) {
	if _, bounded := r.Context().Deadline(); bounded {
		return m.callerOf(r, cookie)
	}
	ctx, cancel := context.WithTimeout(r.Context(), m.Timeout)
	defer cancel()
	return m.callerOf(r.WithContext(ctx), cookie)
}

// callerOf checks the bearer token or, if the route accepts it, the cookie of the event stream. The session is looked
// up for each request: so a log-out takes effect as soon as its response is sent.
func (m Middleware) callerOf(r *http.Request, cookie bool) (models.Caller, error) {
	signed, audience := "", token.API
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, rest, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return models.Caller{}, models.Errorf(models.CodeUnauthenticated, "Authorization must be of the scheme Bearer.")
		}
		signed = strings.TrimSpace(rest)
	} else if c, err := r.Cookie(eventsCookie); cookie && err == nil {
		signed, audience = c.Value, token.Events
		request.From(r).FromCookie = true
	}
	if signed == "" {
		return models.Caller{}, models.Errorf(models.CodeUnauthenticated, "This route needs an access token.")
	}
	caller, known := m.Tokens.Known(signed, audience)
	if !known {
		// Asked only now, because it takes longer.
		if audience == token.API && m.Issuer.Issued(signed) {
			return m.provision(r, signed)
		}
		var err error
		if caller, err = m.Tokens.Verify(signed, audience); err != nil {
			return models.Caller{}, err
		}
	}
	return caller, m.Sessions.CheckSession(r.Context(), caller)
}

// provision finds or creates the user of a product's own token. The token is a session of its own, with all rules of
// sessions: a log-out revokes it, and closes its streams.
func (m Middleware) provision(r *http.Request, signed string) (models.Caller, error) {
	t, err := m.Issuer.Verify(r.Context(), signed)
	if err != nil {
		return models.Caller{}, err
	}
	session := m.Tokens.SessionOf(t.Signed)
	id, err := m.Sessions.ProvisionUser(r.Context(), models.ProductToken{
		Person: t.Person, SessionID: session, Device: DeviceOf(r), ExpiresAt: t.ExpiresAt,
	})
	return models.Caller{UserID: id, SessionID: session}, err
}
