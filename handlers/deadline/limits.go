package deadline

import "time"

// Limits are how long a peer may take in each phase of a connection.
type Limits struct {
	Head   time.Duration // for the head of a request, from its first byte
	Idle   time.Duration // between two requests
	Body   time.Duration // for the whole body of a request that is not an upload
	Stall  time.Duration // without progress of an upload, a form or a response
	Linger time.Duration // for an unread body, after the response; then the connection is closed
	// Uploads, forms and responses have a minimum rate: they may take Grace, and a second more for each Rate bytes.
	Grace time.Duration
	Rate  int64 // bytes per second
}

// Default returns the limits of a server. Clients on the slowest lines stay well within them.
func Default() Limits {
	return Limits{
		Head: 10 * time.Second, Idle: 2 * time.Minute, Body: 30 * time.Second, Stall: 30 * time.Second,
		Linger: 2 * time.Second, Grace: time.Minute, Rate: 500,
	}
}

// Allowed returns how long a transfer may have taken after so many bytes.
func (l Limits) Allowed(bytes int64) time.Duration {
	return l.Grace + time.Duration(bytes/l.Rate)*time.Second
}
