package handlers

import "net/http"

// deprecatedSince is the day on which the forms of requests that call deprecate got routes of their own: 2026-12-01.
const deprecatedSince = "@1796083200"

// explanation is the chapter on deprecated forms, which names them all. No server has that page itself.
const explanation = "https://github.com/parley-chat/parley/blob/main/docs/evolution.md#how-an-end-is-announced"

// deprecate tells the client that the form of its request has a successor (RFC 9745). The form itself goes on to work:
// explanation says for how long.
func deprecate(w http.ResponseWriter, successor string) {
	w.Header().Set("Deprecation", deprecatedSince)
	w.Header().Add("Link", "<"+successor+`>; rel="successor-version"`)
	w.Header().Add("Link", "<"+explanation+`>; rel="deprecation"; type="text/html"`)
}
