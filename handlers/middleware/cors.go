package middleware

import (
	"net/http"
	"slices"
	"time"

	"github.com/go-chi/cors"
)

// allowedHeaders are the headers that pages of other origins may send: those of the contract, and those that clients
// add by themselves. A browser refuses the whole request if one is missing here.
var allowedHeaders = []string{
	"Accept", "Authorization", "Content-Type", "Idempotency-Key", "Last-Event-ID", "Parley-Act-As", "Parley-Password",
	"X-Request-Id",
	"Cache-Control", "Pragma", "X-Requested-With", // from polyfills of EventSource, and libraries around fetch
	"Tus-Resumable", "Upload-Length", "Upload-Metadata", "Upload-Offset", "Upload-Checksum", "Upload-Concat",
	"Upload-Defer-Length", "X-HTTP-Method-Override",
	"Range", "If-Range", "If-Match", "If-None-Match", "If-Modified-Since",
}

// preflightLife is how long a browser may cache the response to a preflight request. Most use less.
const preflightLife = time.Hour

// AllowOrigins lets the pages of other origins call the server. Preflight requests go on to RespondToOptions, which
// responds to them like to any other OPTIONS.
func AllowOrigins(origins []string) func(http.Handler) http.Handler {
	return cors.Handler(cors.Options{
		AllowedOrigins: origins,
		AllowedMethods: Methods,
		AllowedHeaders: allowedHeaders,
		ExposedHeaders: []string{
			"Tus-Resumable", "Tus-Version", "Tus-Extension", "Tus-Max-Size", "Tus-Checksum-Algorithm", "Upload-Offset",
			"Upload-Length", "Upload-Metadata", "Upload-Expires", "Parley-File-Id", "ETag", "Content-Range", "Accept-Ranges",
			"Content-Disposition", "Allow", "WWW-Authenticate",
			"Event-Id", "Event-Cursor", "Location", "Idempotency-Replayed", "Retry-After", "RateLimit", "RateLimit-Policy",
			"X-Request-Id", "Deprecation", "Sunset", "Link",
		},
		MaxAge: int(preflightLife.Seconds()),
		// "*" makes the server readable for every page; it must never let every page use its visitors' cookies.
		AllowCredentials:   !slices.Contains(origins, "*"),
		OptionsPassthrough: true,
	})
}
