// Package deadline sees to it that no connection of a server waits for its peer without an end, and that there are no more
// connections than the process may have files.
//
// What is bounded where:
//
//   - the head of a request, the time between two requests: net/http, with Limits.Head and Limits.Idle;
//   - the body: whoever reads it moves the read deadline (package handlers); net/http's ReadTimeout, Limits.Body, holds
//     where nobody does;
//   - the answer: Conn. A write goes on as long as the peer takes something, and ends when it took nothing for Limits.Stall.
//
// A stream of events takes its connection over with Conn.Release, and has its own rules from then on (package sse).
//
// Listener.mu guards which connections there are. A Conn is used as net/http uses connections: one goroutine writes.
package deadline
