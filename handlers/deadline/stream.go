package deadline

import (
	"context"
	"net"
	"sync"
)

// place is room for a stream among the files of the process.
type place struct {
	listener *Listener
	once     sync.Once
}

// takePlace returns ErrFull if there are as many streams as the process has files for.
func (l *Listener) takePlace() (*place, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.files > 0 && l.streams >= l.files-l.files/streamShare {
		l.reportLack()
		return nil, ErrFull
	}
	l.streams++
	return &place{listener: l}, nil
}

func (p *place) free() {
	p.once.Do(func() {
		p.listener.mu.Lock()
		defer p.listener.mu.Unlock()
		p.listener.streams--
	})
}

// Stream is a connection that was taken over. Only the number of streams is limited here.
type Stream struct {
	*net.TCPConn
	place *place
}

// Close closes the stream and frees its place.
func (s *Stream) Close() error {
	s.place.free()
	return s.TCPConn.Close()
}

// Hijack turns a connection into a stream, which has a place until it is closed. hijack takes it from net/http; it is
// called when there is a place: after ErrFull, the request can be responded to as always.
func (c *Conn) Hijack(hijack func() error) (*Stream, error) {
	p, err := c.listener.takePlace()
	if err != nil {
		return nil, err
	}
	if err := hijack(); err != nil {
		p.free()
		return nil, err
	}
	c.once.Do(func() { c.listener.remove(c) })
	return &Stream{TCPConn: c.TCPConn, place: p}, nil
}

type connKey struct{}

// WithConn is for http.Server.ConnContext, so that ConnOf finds the connection of a request.
func WithConn(ctx context.Context, c net.Conn) context.Context {
	return context.WithValue(ctx, connKey{}, c)
}

// ConnOf returns the connection of a request; nil if it did not come through a Listener.
func ConnOf(ctx context.Context) *Conn {
	c, _ := ctx.Value(connKey{}).(*Conn)
	return c
}
