package deadline

import (
	"net"

	"golang.org/x/sys/unix"
)

// owed tells how many bytes the kernel holds that the peer has not acknowledged.
func owed(c *net.TCPConn) (bytes int64, known bool) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, false
	}
	var held int
	var failed error
	err = raw.Control(func(fd uintptr) { held, failed = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ) })
	return int64(held), err == nil && failed == nil
}
