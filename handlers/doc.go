// Package handlers is the HTTP edge: it turns requests into calls and what comes back into answers.
//
// Each resource has a file, and in it the narrow interface of the store that it needs. A handler decodes, checks, calls
// and answers; what is allowed is decided below it, where the data is locked. The rest of the package is what all
// handlers share:
//
//   - routes.go: which route there is, what passes each request on its way there, and which needs no token;
//   - auth.go: who the caller is; entry.go, cookies.go: how a session begins, and what a browser keeps of it;
//     auth_providers.go: how a log-in goes that begins elsewhere;
//   - decode.go, parameters.go: what a request says, or what is wrong with it;
//   - answer.go: how an answer looks; problem.go: how an error does, and nothing else decides on a status;
//   - intake.go, form.go, mediatype.go: how the bytes of files come in, and what they pass for;
//   - client.go: where a request comes from, behind proxies; nothing else asks for an address;
//   - quota.go: how much one user or network may ask for; guesses.go: how often a password may be wrong; staging.go: how much
//     is on its way; space.go: what goes on while the disk is nearly full;
//   - guard_head.go, unread_answers.go: what a request may cost in memory;
//   - unread.go: what becomes of a body that nobody reads; package deadline has the connections;
//   - msgpack.go: the other encoding;
//   - idempotency.go: how a repeated creation is known;
//   - observe.go: the log line and the metrics of a request.
//
// A request that brings bytes of an upload starts a goroutine, which renews its hold on it, and waits for its end
// (uploads_write.go). The package's locks are that of writers.go, for the requests that do so, that of unread_answers.go, for
// large answers, and those of the counters in quota.go, guesses.go and staging.go, under which nothing waits. A stream leaves
// the package in StreamEvents, which hands the connection over.
package handlers
