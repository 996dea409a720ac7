// Package deadline bounds how long a connection of the server waits for its peer, and how many connections there are:
// no more than the process may have files open.
//
// What bounds each part of a request:
//
//   - the head of a request, the time between two requests: net/http, with Limits.Head and Limits.Idle;
//   - the body: its reader moves the read deadline (packages codec and upload); otherwise ReadTimeout of net/http,
//     which is Limits.Body, applies;
//   - the response: Conn. A write goes on as long as the peer reads, and fails after it read nothing for Limits.Stall.
//
// An event stream takes over its connection with Conn.Release, and package sse bounds it from then on.
//
// Listener.mu guards the set of connections. A Conn is used as net/http uses connections: one goroutine writes.
package deadline
