//go:build !unix

package sse

import "net"

// socket cannot write without waiting on this system: the stream's writer goroutine makes all writes.
type socket struct{}

func newSocket(net.Conn) (socket, error) { return socket{}, nil }

func (socket) tryWrite([]byte) (int, error) { return 0, nil }
