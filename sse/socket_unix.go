//go:build unix

package sse

import (
	"errors"
	"net"
	"syscall"
)

// socket writes without waiting.
type socket struct{ raw syscall.RawConn }

func newSocket(conn net.Conn) (socket, error) {
	c, ok := conn.(syscall.Conn)
	if !ok {
		return socket{}, errors.ErrUnsupported
	}
	raw, err := c.SyscallConn()
	return socket{raw}, err
}

// tryWrite writes as much of b as the kernel accepts without waiting, which may be nothing.
func (s socket) tryWrite(b []byte) (n int, err error) {
	var werr error
	err = s.raw.Write(func(fd uintptr) bool {
		for {
			n, werr = syscall.Write(int(fd), b)
			if !errors.Is(werr, syscall.EINTR) {
				return true
			}
		}
	})
	if err != nil {
		return 0, err
	}
	if n < 0 {
		n = 0
	}
	if errors.Is(werr, syscall.EAGAIN) {
		werr = nil
	}
	return n, werr
}
