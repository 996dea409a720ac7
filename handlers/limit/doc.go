// Package limit bounds what clients may use: requests and bytes per user and per network (Quotas), attempts at
// passwords (Guesses), and the memory of large bodies and of responses that are not read.
//
// Each limit has its own lock, and nothing waits under it. The package returns errors and writes no responses.
package limit
