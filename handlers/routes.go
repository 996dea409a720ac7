package handlers

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	chimiddleware "github.com/go-chi/chi/v5/middleware"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/auth"
	"github.com/parley-chat/parley/handlers/limit"
	"github.com/parley-chat/parley/handlers/middleware"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/web"
)

// The table of all routes and their handlers is generated from openapi.yaml: it is HandlerWithOptions in
// api/api.gen.go. route_policies.go says which routes need no token, have no timeout, or go on while the disk is full.

// routes puts all middleware and handlers in order: the first sees a request first and its response last.
func routes(s server, q limit.Quotas, c Config) http.Handler {
	r := chi.NewRouter()
	r.Use(
		middleware.CloseUnread(c.Limits),
		middleware.Observe(c.Log, c.Metrics, c.Limits, c.Settings.Proxies),
		middleware.LimitHead(q),
	)
	if len(c.Settings.CORSOrigins) > 0 {
		r.Use(middleware.AllowOrigins(c.Settings.CORSOrigins))
	}
	r.Use(middleware.CheckURL(q), middleware.OverrideMethod, middleware.RespondToOptions(q), chimiddleware.GetHead)
	r.NotFound(middleware.NotFound(q))
	r.MethodNotAllowed(middleware.WrongMethod(q))

	client := middleware.CountPages(q, web.Client(http.HandlerFunc(problem.NotFound)))
	r.Method(http.MethodGet, "/", client)
	r.Method(http.MethodGet, "/client/{module}", client)
	for path, page := range web.Pages(c.Contract, c.Events) {
		r.Method(http.MethodGet, path, middleware.CountPages(q, page))
	}
	// These are not added by r.Use: only behind the router is it known which route a request has.
	authenticate := auth.Middleware{
		Tokens: c.Tokens, Issuer: c.Issuer, Sessions: c.Stores.Callers, Quotas: q, Policies: policies,
		Timeout: requestTimeout,
	}.Authenticate
	known := middleware.Literals{}
	routed := r.With(
		middleware.LiteralFirst(q, known),
		middleware.Timeout(requestTimeout, unboundedRoutes),
		authenticate,
		middleware.CountRequests(q),
		checkEncoding,
		checkQuery,
		middleware.KeepSpace(c.Space, routesOnFullDisk),
	)
	api.HandlerWithOptions(s, api.ChiServerOptions{BaseRouter: routed, ErrorHandlerFunc: failParameter})
	known.Learn(r)
	return r
}
