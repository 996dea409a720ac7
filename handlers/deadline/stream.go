package deadline

import (
	"net"
	"sync"
)

// Stream is a connection that was taken over: nothing of it is bounded here but how many there are.
type Stream struct {
	*net.TCPConn
	listener *Listener
	once     sync.Once
}

// Release makes a stream of a connection. What was the connection's place is the stream's until it is closed. With ErrFull
// the connection is as it was.
func (c *Conn) Release() (*Stream, error) {
	l := c.listener
	l.mu.Lock()
	full := l.files > 0 && l.streams >= l.files-l.files/streamShare
	if !full {
		l.streams++
	}
	l.mu.Unlock()
	if full {
		return nil, ErrFull
	}
	c.once.Do(func() { l.forget(c) })
	return &Stream{TCPConn: c.TCPConn, listener: l}, nil
}

// Close closes the stream and gives its place up.
func (s *Stream) Close() error {
	s.once.Do(func() {
		s.listener.mu.Lock()
		defer s.listener.mu.Unlock()
		s.listener.streams--
	})
	return s.TCPConn.Close()
}
