package sse

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// vanish has a peer be gone without a word: its kernel drops whatever comes, and so acknowledges nothing.
func vanish(t *testing.T, p *peer) {
	t.Helper()
	drop := []unix.SockFilter{{Code: unix.BPF_RET | unix.BPF_K, K: 0}}
	raw, err := p.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	var failed error
	err = raw.Control(func(fd uintptr) {
		failed = unix.SetsockoptSockFprog(int(fd), unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
			&unix.SockFprog{Len: uint16(len(drop)), Filter: &drop[0]})
	})
	if err != nil || failed != nil {
		t.Fatal(err, failed)
	}
}

// TestPeersThatVanishAreDropped has peers be gone without a word, while their streams are idle, and while a write waits for
// them. Those that are alive beside them stay.
func TestPeersThatVanishAreDropped(t *testing.T) {
	for name, busy := range map[string]bool{"idle": false, "a write waits": true} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, 2)
			s.hub.patience = time.Second // of the kernel's own clock
			alive := s.open(s.owner, 0, "")
			if busy {
				s.fillUp(64)
				s.fill(s.unread)
				s.untilStuck(2 * crowdOfUser)
			} else {
				s.fill(s.openFresh)
			}
			s.eachPeer(func(p *peer) { vanish(t, p) })
			sweeps := 0
			eventually(t, func() string {
				s.hub.Sweep(time.Now().Add(time.Duration(sweeps) * time.Second))
				sweeps++
				if streams, _ := s.hub.Count(); streams != 1 {
					return "the streams of peers that are gone are still there"
				}
				return ""
			})
			s.say(s.owner, s.roomID, "hello")
			if !alive.sees("event: message.") {
				t.Error("the stream of a peer that is alive is gone, too")
			}
			_ = alive.Close()
			s.nothingLeft()
		})
	}
}
