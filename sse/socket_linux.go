package sse

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// unsentLimit limits the data that the kernel accepts but cannot send yet. Otherwise it could be 4 MB for a peer that
// reads nothing. Data in flight to a distant peer does not count.
const unsentLimit = 128 << 10

// limitUnsent limits the kernel memory that a peer that reads nothing can use.
func (s socket) limitUnsent() error {
	var failed error
	err := s.raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	})
	return errors.Join(err, failed)
}

// sendState returns how much data the peer has not acknowledged, whether it was retransmitted several times, and how
// long ago the peer's kernel last sent something. With a slow reader, the number shrinks long before the kernel accepts
// more data.
func (s socket) sendState() (d sendState, ok bool) {
	err := s.raw.Control(func(fd uintptr) {
		bytes, err := unix.IoctlGetInt(int(fd), unix.TIOCOUTQ)
		if err != nil {
			return
		}
		info, err := unix.GetsockoptTCPInfo(int(fd), unix.IPPROTO_TCP, unix.TCP_INFO)
		if err != nil {
			return
		}
		// A single retransmission is normal. Probes are sent to a peer whose window is closed.
		unacked := info.Unacked > 0 && info.Retransmits > 1 || info.Probes > 1
		d, ok = sendState{bytes, unacked, time.Duration(info.Last_ack_recv) * time.Millisecond}, true
	})
	return d, ok && err == nil
}
