package handlers

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
	"github.com/go-chi/cors"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/web"
	"github.com/parley-chat/parley/models"
)

// admission is how a route asks who its caller is.
type admission int

const (
	tokenNeeded   admission = iota // the rule
	open                           // nobody is asked
	tokenOptional                  // who shows a token must show a good one
	tokenOrCookie                  // for a browser's EventSource, which sends no header
)

// admissions lists the routes that the rule does not hold for. HEAD goes with GET.
var admissions = map[string]admission{
	"POST /v1/users":                   tokenOptional,
	"POST /v1/sessions":                open,
	"POST /v1/sessions/refresh":        open,
	"GET /v1/auth/providers":           open,
	"GET /v1/auth/{provider}":          tokenOptional,
	"GET /v1/auth/{provider}/callback": open,
	"OPTIONS /v1/uploads":              open,
	"OPTIONS /v1/uploads/{upload}":     open,
	"GET /v1/events":                   tokenOrCookie,
	"GET /healthz":                     open,
	"GET /readyz":                      open,
	"GET /metrics":                     open,
}

// routes puts everything in its order: what is at the top sees a request first and its answer last.
func routes(s server, q quotas, c Config) http.Handler {
	r := chi.NewRouter()
	r.Use(closeUnread(c.Limits), newObserver(c.Log, c.Metrics, c.Limits, c.Settings.Proxies).observe, q.guardHead)
	if len(c.Settings.CORSOrigins) > 0 {
		r.Use(crossOrigin(c.Settings.CORSOrigins))
	}
	r.Use(q.guardURL, overrideMethod, q.answerOptions, middleware.GetHead)
	r.NotFound(q.notFound)
	r.MethodNotAllowed(q.methodNotAllowed)

	client := q.countPages(web.Client(http.HandlerFunc(notFound)))
	r.Method(http.MethodGet, "/", client)
	r.Method(http.MethodGet, "/client/{module}", client)
	for path, page := range web.Pages(c.Contract) {
		r.Method(http.MethodGet, path, q.countPages(page))
	}
	// Not through r.Use: only here, behind the router, is it known which route it is.
	gate := gate{tokens: c.Tokens, issuer: c.Issuer, sessions: c.Store, quotas: q}
	literals := literals{}
	admitted := r.With(q.literalFirst(literals), hurry, gate.admit, q.count, keepSpace(c.Space))
	api.HandlerWithOptions(s, api.ChiServerOptions{BaseRouter: admitted, ErrorHandlerFunc: refuseParameter})
	literals.learn(r)
	return r
}

// requestTime bounds what a request may take where nothing is waited for but the database: one that is cut off gives no
// sign by itself.
const requestTime = 20 * time.Second

// unhurried are the routes that take or give as long as the client does, as do forms. HEAD goes with GET.
var unhurried = map[string]bool{
	"GET /v1/events":                 true,
	"POST /v1/rooms/{room}/files":    true,
	"GET /v1/files/{file}/content":   true,
	"GET /v1/files/{file}/thumbnail": true,
	"POST /v1/uploads":               true,
	"PATCH /v1/uploads/{upload}":     true,
}

// hurry gives a request its time.
func hurry(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !unhurried[routeOf(r)] && !isForm(r) {
			ctx, cancel := context.WithTimeout(r.Context(), requestTime)
			defer cancel()
			r = r.WithContext(ctx)
		}
		next.ServeHTTP(w, r)
	})
}

// allowedHeaders are those that the pages of other origins may send: what the contract knows, and what clients send beside
// it unasked. A browser drops the whole request for the sake of one that is missing here.
var allowedHeaders = []string{
	"Accept", "Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Parley-Act-As", "Parley-Password",
	"X-Request-Id",
	"Cache-Control", "Pragma", "X-Requested-With", // polyfills of EventSource, and libraries around fetch
	"Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset", "Upload-Checksum", "Upload-Concat",
	"Upload-Defer-Length", "X-HTTP-Method-Override",
	"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since",
}

// preflightLife is how long a browser may remember what it was allowed. Most forget it earlier.
const preflightLife = time.Hour

// crossOrigin lets the pages of other origins call the server. Preflight requests go on to answerOptions, so that they
// are answered like any other OPTIONS.
func crossOrigin(origins []string) func(http.Handler) http.Handler {
	return cors.Handler(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: methods,
		AllowedHeaders: allowedHeaders,
		ExposedHeaders: []string{
			"Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm", "Upload-Offset",
			"Upload-Length", "Upload-Metadata", "Upload-Expires", "Parley-File-Id", "ETag", "Content-Range", "Accept-Ranges",
			"Content-Disposition", "Allow", "WWW-Authenticate",
			"Event-Id", "Event-Cursor", "Location", "Idempotency-Replayed", "Retry-After", "RateLimit", "RateLimit-Policy",
			"X-Request-Id",
		},
		MaxAge: int(preflightLife.Seconds()),
		// "*" is for whoever wants to be read by all; it is never an offer to send along everybody's cookies.
		AllowCredentials:   !slices.Contains(origins, "*"),
		OptionsPassthrough: true,
	})
}

func notFound(w http.ResponseWriter, r *http.Request) { fail(w, r, models.NotFound()) }

func (q quotas) notFound(w http.ResponseWriter, r *http.Request) { q.refuse(w, r, models.NotFound()) }
