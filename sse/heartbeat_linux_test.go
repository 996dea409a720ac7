package sse

import (
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// makeVanish makes a peer vanish without closing: its kernel drops all packets, and so acknowledges nothing.
func makeVanish(t *testing.T, p *peer) {
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

// TestVanishedPeersAreDropped makes peers vanish while nothing is sent, while much is sent, and while their windows
// are closed. Streams of other peers stay.
func TestVanishedPeersAreDropped(t *testing.T) {
	const streams = 2 * streamsPerUser
	for name, prepare := range map[string]func(s *busyRoom){
		"idle": func(s *busyRoom) {
			s.openAll(s.openPresent)
			s.eachPeer(func(p *peer) { makeVanish(s.t, p) })
		},
		"a write waits": func(s *busyRoom) {
			s.openAll(s.openPresent)
			s.eachPeer(func(p *peer) { makeVanish(s.t, p) })
			s.sendLarge(64)
			s.waitUntilBlocked(streams)
		},
		"a write waits with a closed window": func(s *busyRoom) {
			s.sendLarge(64)
			s.openAll(s.openUnread)
			s.waitUntilBlocked(streams)
			s.eachPeer(func(p *peer) { makeVanish(s.t, p) })
		},
	} {
		t.Run(name, func(t *testing.T) {
			s := newBusyRoom(t, streams/streamsPerUser)
			prepare(s)
			s.hub.withLock(func() { s.hub.deadPeerTimeout = time.Second }) // of the kernel's clock
			alive := s.open(s.owner, 0, "")
			checks := 0
			within(t, 3*testTimeout, func() string { // the kernel probes a closed window less and less often
				s.hub.CheckStreams(time.Now().Add(time.Duration(checks) * time.Second))
				checks++
				if streams, _ := s.hub.Count(); streams != 1 {
					return "the streams of vanished peers are still open"
				}
				return ""
			})
			s.send(s.owner, s.roomID, "hello")
			if !alive.skipTo("event: message.") {
				t.Error("the stream of a peer that is alive has ended, too")
			}
			_ = alive.Close()
			s.requireNothingLeft()
		})
	}
}
