//go:build !unix

package sse

import "net"

// socket has no way of writing without waiting here: every write is made by the stream's own goroutine.
type socket struct{}

func newSocket(net.Conn) (socket, error) { return socket{}, nil }

func (socket) tryWrite([]byte) (int, error) { return 0, nil }
