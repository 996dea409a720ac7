package deadline

import (
	"net"
	"sync"
)

// Stream is a connection that was taken over. Only the number of streams is limited here.
type Stream struct {
	*net.TCPConn
	listener *Listener
	once     sync.Once
}

// Release turns a connection into a stream, which has a place until it is closed. If it returns ErrFull the connection
// is unchanged.
func (c *Conn) Release() (*Stream, error) {
	l := c.listener
	l.mu.Lock()
	full := l.files > 0 && l.streams >= l.files-l.files/streamShare
	if full {
		l.reportLack()
	} else {
		l.streams++
	}
	l.mu.Unlock()
	if full {
		return nil, ErrFull
	}
	c.once.Do(func() { l.remove(c) })
	return &Stream{TCPConn: c.TCPConn, listener: l}, nil
}

// Close closes the stream and frees its place.
func (s *Stream) Close() error {
	s.once.Do(func() {
		s.listener.mu.Lock()
		defer s.listener.mu.Unlock()
		s.listener.streams--
	})
	return s.TCPConn.Close()
}
