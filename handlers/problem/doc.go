// Package problem turns errors into responses: problem details (RFC 9457) in JSON or MessagePack, or a busy event
// stream. It is the only place where an error becomes a status.
package problem
