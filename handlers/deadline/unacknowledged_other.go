//go:build !linux

package deadline

import "net"

// unacknowledged is unknown on this system; progress is what the kernel accepts.
func unacknowledged(*net.TCPConn) (int64, bool) { return 0, false }

// unread is unknown on this system.
func unread(*net.TCPConn) (int64, bool) { return 0, false }
