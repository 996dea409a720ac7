package sse

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// unsentLimit is how much the kernel takes of what it cannot send yet. Without, it would be up to 4 MB for a peer that takes
// nothing. What is under way to a peer that is far away is not bounded by it.
const unsentLimit = 128 << 10

// bound bounds what the kernel keeps for a peer that takes nothing.
func (s socket) limitUnsent() error {
	var failed error
	err := s.raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptInt(int(fd), unix.IPPROTO_TCP, unix.TCP_NOTSENT_LOWAT, unsentLimit)
	})
	return errors.Join(err, failed)
}

// owed tells how many bytes the kernel holds that the peer has not acknowledged, whether it sends again and again for want of
// an answer, and how long ago the peer's kernel was last heard of. A peer that reads slowly makes the number shrink long before
// the kernel takes more from us.
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
		// One may get lost. What is sent to a peer without room are probes.
		unanswered := info.Unacked > 0 && info.Retransmits > 1 || info.Probes > 1
		d, ok = sendState{bytes, unanswered, time.Duration(info.Last_ack_recv) * time.Millisecond}, true
	})
	return d, ok && err == nil
}
