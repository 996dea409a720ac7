// Package request has what is known of a request while it is served: its id, its route, the client's address behind
// trusted proxies, its caller, and its Idempotency-Key.
//
// The middleware Observe puts a Context into each request, and the auth middleware adds the caller. Only the goroutine
// of the request uses it.
package request
