package handlers

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/web"
)

// policies lists the routes that do not need a token, or take something else. HEAD has the policy of GET.
var policies = authPolicies{
	"POST /v1/users":                   tokenOptional,
	"POST /v1/sessions":                public,
	"POST /v1/sessions/refresh":        public,
	"GET /v1/auth/providers":           public,
	"GET /v1/auth/{provider}":          tokenOptional,
	"GET /v1/auth/{provider}/callback": public,
	"OPTIONS /v1/uploads":              public,
	"OPTIONS /v1/uploads/{upload}":     public,
	"GET /v1/events":                   tokenOrCookie,
	"GET /healthz":                     public,
	"GET /readyz":                      public,
	"GET /metrics":                     public,
}

// unboundedRoutes take as long as their client sends or reads; all others have a timeout. HEAD goes with GET.
var unboundedRoutes = map[string]bool{
	"GET /v1/events":                 true,
	"POST /v1/rooms/{room}/files":    true,
	"GET /v1/files/{file}/content":   true,
	"GET /v1/files/{file}/thumbnail": true,
	"POST /v1/uploads":               true,
	"PATCH /v1/uploads/{upload}":     true,
}

// routesOnFullDisk are the writing routes that go on while the disk is nearly full: they store nothing, or only what it takes
// to log in and to make room. Their handler refuses guests, since a guest is a new user.
var routesOnFullDisk = map[string]bool{
	"POST /v1/sessions":                      true,
	"POST /v1/sessions/refresh":              true,
	"POST /v1/events/cookie":                 true,
	"PUT /v1/users/me/password":              true,
	"PUT /v1/rooms/{room}/presence/{stream}": true,
	"POST /v1/rooms/{room}/typing":           true,
	"PUT /v1/rooms/{room}/bans/{user}":       true,
	"PUT /v1/blocks/{user}":                  true,
}

// routes puts all middleware and handlers in order: the first sees a request first and its answer last.
func routes(s server, q quotas, c Config) http.Handler {
	r := chi.NewRouter()
	r.Use(closeUnread(c.Limits), observeRequests(c.Log, c.Metrics, c.Limits, c.Settings.Proxies), limitHead(q))
	if len(c.Settings.CORSOrigins) > 0 {
		r.Use(allowOrigins(c.Settings.CORSOrigins))
	}
	r.Use(checkURL(q), overrideMethod, answerOptions(q), middleware.GetHead)
	r.NotFound(handleNotFound(q))
	r.MethodNotAllowed(handleWrongMethod(q))

	client := countPages(q, web.Client(http.HandlerFunc(notFound)))
	r.Method(http.MethodGet, "/", client)
	r.Method(http.MethodGet, "/client/{module}", client)
	for path, page := range web.Pages(c.Contract) {
		r.Method(http.MethodGet, path, countPages(q, page))
	}
	// These are not added by r.Use: only behind the router is it known which route a request has.
	auth := authMiddleware{tokens: c.Tokens, issuer: c.Issuer, sessions: c.Store, quotas: q, policies: policies, timeout: requestTimeout}
	literals := literals{}
	routed := r.With(
		literalFirst(q, literals), timeout(unboundedRoutes), auth.authenticate, countRequests(q), keepSpace(c.Space, routesOnFullDisk))
	api.HandlerWithOptions(s, api.ChiServerOptions{BaseRouter: routed, ErrorHandlerFunc: failParameter})
	literals.learn(r)
	return r
}
