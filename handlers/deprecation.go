package handlers

import "net/http"

// deprecatedSince is the day on which the forms of requests that call deprecate got routes of their own: 2026-12-01.
const deprecatedSince = "@1796083200"

// deprecate tells the client that the form of its request has a successor (RFC 9745). The form itself goes on to work:
// docs/evolution.md says for how long.
func deprecate(w http.ResponseWriter, successor string) {
	w.Header().Set("Deprecation", deprecatedSince)
	w.Header().Add("Link", "<"+successor+`>; rel="successor-version"`)
	w.Header().Add("Link", `</docs>; rel="deprecation"; type="text/html"`)
}
