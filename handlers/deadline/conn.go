package deadline

import (
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// looks is how often a write that waits is looked at within Limits.Stall.
const looks = 6

// Conn is a connection whose writes end when the peer takes nothing. Write deadlines are its own: those that others set are
// passed over. The kernel's buffer hides for long whether a peer reads, so where the kernel tells what it still owes the
// peer, that it shrinks counts as well.
type Conn struct {
	*net.TCPConn
	listener *Listener
	network  netip.Prefix
	since    atomic.Int64 // since when it is idle, in Unix nanoseconds; 0 while a request is served
	once     sync.Once
}

// SetWriteDeadline does nothing.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Write writes all of b. It fails with os.ErrDeadlineExceeded when the peer took nothing for too long, or all too little;
// the connection is broken then.
func (c *Conn) Write(b []byte) (n int, err error) {
	p := c.pending()
	for {
		var taken int
		taken, err = c.TCPConn.Write(b[n:])
		n += taken
		if err == nil || !p.goesOn(int64(taken), err) {
			return n, err
		}
	}
}

// ReadFrom is Write for what comes from a reader. From a file, the kernel copies by itself.
func (c *Conn) ReadFrom(from io.Reader) (n int64, err error) {
	piece, ok := from.(*io.LimitedReader)
	if ok {
		_, ok = piece.R.(*os.File)
	}
	if !ok {
		return io.Copy(struct{ io.Writer }{c}, from)
	}
	p := c.pending()
	for {
		left := piece.N
		var taken int64
		taken, err = c.TCPConn.ReadFrom(piece)
		n += taken
		// What was read and not written is lost: after that there is no going on.
		if err == nil || left-piece.N != taken || !p.goesOn(taken, err) {
			return n, err
		}
	}
}

// Close closes the connection and gives its place up.
func (c *Conn) Close() error {
	c.once.Do(func() { c.listener.forget(c) })
	return c.TCPConn.Close()
}

// pending is a write under way.
type pending struct {
	conn     *Conn
	start    time.Time
	progress time.Time // when the peer was last seen to take something
	passed   int64     // bytes that the kernel took
	owed     int64     // bytes that the kernel held at the last look, -1 before
}

// pending begins a write.
func (c *Conn) pending() pending {
	now := time.Now()
	c.look(now)
	return pending{conn: c, start: now, progress: now, owed: -1}
}

// look has the write come back for the next look.
func (c *Conn) look(now time.Time) {
	_ = c.TCPConn.SetWriteDeadline(now.Add(c.listener.limits.Stall / looks)) // a closed one fails at the write
}

// goesOn reports whether a write that failed is to be gone on with: it was only to be looked at, and the peer takes what it
// is sent.
func (p *pending) goesOn(taken int64, err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	now, limits := time.Now(), p.conn.listener.limits
	p.passed += taken
	owed, known := owed(p.conn.TCPConn)
	if taken > 0 || known && owed < p.owed {
		p.progress = now
	}
	arrived := p.passed
	if known {
		p.owed, arrived = owed, max(0, p.passed-owed)
	}
	if now.Sub(p.progress) >= limits.Stall || now.Sub(p.start) > limits.Allowed(arrived) {
		_ = p.conn.SetLinger(0) // nobody waits for what the kernel still has
		return false
	}
	p.conn.look(now)
	return true
}
