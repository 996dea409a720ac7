// Package token makes and verifies credentials: passwords, access tokens, refresh tokens, and the encryption of stored
// responses that contain tokens.
//
// All keys are derived from one secret, which all nodes share, so that a token of one node is valid on every other. The
// values of this package are safe for concurrent use; none of them starts a goroutine.
package token
