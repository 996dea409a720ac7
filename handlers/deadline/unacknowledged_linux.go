package deadline

import (
	"net"

	"golang.org/x/sys/unix"
)

// unacknowledged returns how many bytes in the kernel's buffer the peer has not acknowledged.
func unacknowledged(c *net.TCPConn) (bytes int64, known bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var held int
	var failed error
	err = raw.Control(func(fd uintptr) { held, failed = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
	return int64(held), err == nil && failed == nil
}
