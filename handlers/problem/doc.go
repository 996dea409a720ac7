// Package problem turns errors into responses: problem details (RFC 9457) in JSON or MessagePack, or a busy event
// stream. It is the only place where an error becomes a status: that of its code, or the one that WithStatus sets.
//
// # Wrapped errors
//
// The client gets the first *models.Error that errors.As finds: its code, message, fields and Retry-After. It stays the
// same if the error is wrapped with %w, joined with others, or given another status by WithStatus. The text of what
// wraps it, and of its own Err, is only in the log. A *models.Error around another one hides it from the client. The
// status of WithStatus counts wherever it is in the chain, also inside of the *models.Error. An error that is wrapped
// without %w is a defect: the client gets 500, and the log its text. So is a code without a status.
package problem
