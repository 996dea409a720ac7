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
// When very many connections arrive at once, as after a restart, they wait until they may start (arrivals.go): net/http
// would read all their requests at the same time.
//
// Listener.mu guards the sets of connections. A Conn is used as net/http uses connections: one goroutine writes. The
// goroutine of acceptAll accepts connections until the listener is closed, and net/http's calls Accept.
package deadline
