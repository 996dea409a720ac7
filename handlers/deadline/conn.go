package deadline

import (
	"container/list"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

// checksPerStall is how often a waiting write is checked within Limits.Stall.
const checksPerStall = 6

// Conn is a connection whose writes fail when the peer stops reading. It sets write deadlines itself, and ignores those
// of its users. The kernel's buffer hides for a long time whether a peer reads, so on Linux a decrease of the
// unacknowledged bytes also counts as progress.
type Conn struct {
	*net.TCPConn
	listener *Listener
	network  netip.Prefix
	idle     atomic.Int64 // since when it is idle, in Unix nanoseconds; 0 while a request is served
	once     sync.Once

	// Owned by Listener.mu.
	arrived time.Time     // when it was accepted, and then when it started
	start   *list.Element // in arrivals.starting; nil when it does not count there
	heard   bool          // see isSilent
}

// isIdle reports whether the connection is idle, and not just about to send its first request. Listener.mu is held.
func (c *Conn) isIdle() bool { return c.idle.Load() != 0 && c.start == nil }

// isSilent reports whether a connection that has started has not sent the head of its first request: net/http has not
// read one, and nothing waits to be read. One that is not silent is not looked at again. Listener.mu is held.
func (c *Conn) isSilent() bool {
	if c.heard || c.idle.Load() == 0 {
		return false
	}
	n, known := unread(c.TCPConn)
	c.heard = !known || n > 0
	return !c.heard
}

// SetWriteDeadline does nothing.
func (c *Conn) SetWriteDeadline(time.Time) error { return nil }

// Write writes all of b. It fails with os.ErrDeadlineExceeded if the peer read nothing for too long, or too slowly; the
// connection is unusable then.
func (c *Conn) Write(b []byte) (n int, err error) {
	p := c.pending()
	for {
		var taken int
		taken, err = c.TCPConn.Write(b[n:])
		n += taken
		if err == nil || !p.resume(int64(taken), err) {
			return n, err
		}
	}
}

// ReadFrom is Write for a reader. The kernel copies a file by itself.
func (c *Conn) ReadFrom(from io.Reader) (n int64, err error) {
	part, ok := from.(*io.LimitedReader)
	if ok {
		_, ok = part.R.(*os.File)
	}
	if !ok {
		return io.Copy(struct{ io.Writer }{c}, from)
	}
	p := c.pending()
	for {
		left := part.N
		var taken int64
		taken, err = c.TCPConn.ReadFrom(part)
		n += taken
		// Bytes that were read and not written are lost: then the write cannot resume.
		if err == nil || left-part.N != taken || !p.resume(taken, err) {
			return n, err
		}
	}
}

// Close closes the connection and frees its place.
func (c *Conn) Close() error {
	c.once.Do(func() { c.listener.remove(c) })
	return c.TCPConn.Close()
}

// pending is a write in progress.
type pending struct {
	conn     *Conn
	start    time.Time
	progress time.Time // when the peer last made progress
	written  int64     // bytes that the kernel accepted
	unacked  int64     // bytes that the peer had not acknowledged at the last check; -1 before
}

// pending begins a write.
func (c *Conn) pending() pending {
	now := time.Now()
	c.setCheck(now)
	return pending{conn: c, start: now, progress: now, unacked: -1}
}

// setCheck makes the write return for the next check.
func (c *Conn) setCheck(now time.Time) {
	check := now.Add(c.listener.limits.Stall / checksPerStall)
	_ = c.TCPConn.SetWriteDeadline(check) // on a closed connection the write fails
}

// resume reports whether to resume a write that returned taken bytes and err: it returned for a check only, and the
// peer reads fast enough.
func (p *pending) resume(taken int64, err error) bool {
	if !errors.Is(err, os.ErrDeadlineExceeded) {
		return false
	}
	now, limits := time.Now(), p.conn.listener.limits
	p.written += taken
	unacked, known := unacknowledged(p.conn.TCPConn)
	if taken > 0 || known && unacked < p.unacked {
		p.progress = now
	}
	arrived := p.written
	if known {
		p.unacked, arrived = unacked, max(0, p.written-unacked)
	}
	if now.Sub(p.progress) >= limits.Stall || now.Sub(p.start) > limits.Allowed(arrived) {
		_ = p.conn.SetLinger(0) // discard what is in the kernel's buffer
		return false
	}
	p.conn.setCheck(now)
	return true
}
