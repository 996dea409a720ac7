package sse

import (
	"time"

	"golang.org/x/sys/unix"
)

// owed tells how many bytes the kernel holds that the peer has not acknowledged, whether some of them are on their way,
// and how long ago the peer's kernel was last heard of. A peer that reads slowly makes the number shrink long before the
// kernel takes more from us.
func (s socket) owed() (d debt, ok bool) {
	err := s.raw.Control(func(fd uintptr) {
		bytes, err := unix.IoctlGetInt(int(fd), unix.TIOCOUTQ)
		if err != nil {
			return
		}
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		d, ok = debt{bytes, info.Unacked > 0, time.Duration(info.Last_ack_recv) * time.Millisecond}, true
	})
	return d, ok && err == nil
}
