// Package auth finds out who makes a request (Middleware, by the Policies of routes), and opens sessions with their
// tokens and cookies (SessionIssuer).
package auth
