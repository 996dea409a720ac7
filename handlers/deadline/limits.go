package deadline

import "time"

// Limits are the times that a peer has at each moment of a connection.
type Limits struct {
	Head   time.Duration // for a request's head, from its first byte on
	Idle   time.Duration // between two requests
	Body   time.Duration // for the whole body of a request that is no upload
	Stall  time.Duration // without a byte, of an upload, a form or an answer
	Linger time.Duration // for a body that nobody wants, after the answer; then the connection is closed
	// Uploads, forms and answers that go on and on have a least rate: Grace, and beyond it a second for each Rate bytes.
	Grace time.Duration
	Rate  int64 // bytes per second
}

// Default are the limits of a server. API clients on the slowest lines that there are stay well within.
func Default() Limits {
	return Limits{
		Head: 10 * time.Second, Idle: 2 * time.Minute, Body: 30 * time.Second, Stall: 30 * time.Second,
		Linger: 2 * time.Second, Grace: time.Minute, Rate: 500,
	}
}

// Allowed is how long something may take of which so many bytes have passed.
func (l Limits) Allowed(passed int64) time.Duration {
	return l.Grace + time.Duration(passed/l.Rate)*time.Second
}
