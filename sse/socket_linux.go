package sse

import "golang.org/x/sys/unix"

// pending is how many bytes the kernel holds that the peer has not acknowledged. A peer that reads slowly makes it
// shrink long before the kernel takes more from us.
func (s socket) pending() (n int, ok bool) {
	err := s.raw.Control(func(fd uintptr) {
		var err error
		n, err = unix.IoctlGetInt(int(fd), unix.TIOCOUTQ)
		ok = err == nil
	})
	return n, ok && err == nil
}
