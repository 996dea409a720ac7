// Package models says what there is in Parley, as the contract shows it: users, sessions, rooms, members, messages and
// events, their limits, and the one error type that all packages use.
//
// One Go type and one JSON shape serve the response to a request, the row in the log and the frame on a stream, so that
// the three cannot drift apart. A value of this package is plain data: it owns no lock, no goroutine, no connection,
// and it may be copied.
package models
