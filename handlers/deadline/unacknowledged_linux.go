package deadline

import (
	"net"

	"golang.org/x/sys/unix"
)

// unacknowledged returns how many bytes in the kernel's buffer the peer has not acknowledged.
func unacknowledged(c *net.TCPConn) (bytes int64, known bool) { return queued(c, unix.TIOCOUTQ) }

// unread returns how many bytes in the kernel's buffer have come from the peer and were not read.
func unread(c *net.TCPConn) (bytes int64, known bool) { return queued(c, unix.TIOCINQ) }

func queued(c *net.TCPConn, queue uint) (bytes int64, known bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var held int
	var failed error
	err = raw.Control(func(fd uintptr) { held, failed = unix.IoctlGetInt(int(fd), queue) })
	return int64(held), err == nil && failed == nil
}
