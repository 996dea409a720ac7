// Package token makes and checks what callers prove themselves with: passwords, access tokens, refresh tokens, and the
// seals on answers that hold such tokens.
//
// Everything is derived from one secret, which all nodes share, so that a token made by one is good on every other. The
// values of this package are safe for concurrent use; none of them starts a goroutine.
package token
