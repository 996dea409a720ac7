// Package handlers is the HTTP edge: it turns requests into calls of the store and of the streams, and their results
// into responses.
//
// Each resource has a file. It declares the narrow interface of the store that its handlers need, and gets it from its
// constructor. A handler decodes, checks, calls and responds; the store decides what is allowed, where the data is
// locked.
//
//   - routes.go: the order of the middleware, and where the table of routes is; route_policies.go: the exceptions from
//     the rules of the middleware;
//   - handlers.go: how the resources are put together;
//   - response.go: how handlers respond; login.go: how passwords are checked; profiles.go: who is online;
//   - parameters.go: the parameters of paths and queries.
//
// The sub-packages have what all handlers share:
//
//   - request: the context of a request, the client's address, the Idempotency-Key;
//   - codec: JSON, MessagePack and media types;
//   - problem: errors as responses, and the only place where an error becomes a status;
//   - limit: quotas, attempts at passwords, memory; middleware: what each request passes;
//   - auth: authentication, sessions and cookies; token, issuer and oidc below it;
//   - upload: files that arrive, with tus below it; deadline: the listener and its connections; web: the pages.
//
// An event stream leaves the package in StreamEvents, which hands the connection over to package sse.
package handlers
