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

// TestPeersThatVanishAreDropped has peers be gone without a word: while nothing is said, while they are told much, and while
// they have no room. Those that are alive beside them stay.
func TestPeersThatVanishAreDropped(t *testing.T) {
	const streams = 2 * crowdOfUser
	for name, prepare := range map[string]func(s *scene){
		"idle": func(s *scene) {
			s.fill(s.openFresh)
			s.eachPeer(func(p *peer) { vanish(s.t, p) })
		},
		"a write waits": func(s *scene) {
			s.fill(s.openFresh)
			s.eachPeer(func(p *peer) { vanish(s.t, p) })
			s.fillUp(64)
			s.untilStuck(streams)
		},
		"a write waits for room": func(s *scene) {
			s.fillUp(64)
			s.fill(s.unread)
			s.untilStuck(streams)
			s.eachPeer(func(p *peer) { vanish(s.t, p) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newScene(t, streams/crowdOfUser)
			prepare(s)
			s.hub.withLock(func() { s.hub.deadPeerTimeout = time.Second }) // of the kernel's own clock
			alive := s.open(s.owner, 0, "")
			sweeps := 0
			within(t, 3*patience, func() string { // the kernel asks a peer without room less and less often
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
