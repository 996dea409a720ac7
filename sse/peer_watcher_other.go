//go:build !linux

package sse

// peerWatcher finds streams whose peers have closed: one goroutine per stream waits in a read.
type peerWatcher struct{}

func newPeerWatcher() (*peerWatcher, error) { return &peerWatcher{}, nil }

func (*peerWatcher) run() {}

func (*peerWatcher) close() {}

func (*peerWatcher) forget(*Stream) {}

// watch waits for the peer to close. Data that a client sends is ignored.
func (*peerWatcher) watch(s *Stream) error {
	s.hub.goroutines.Go(func() {
		var b [64]byte
		for {
			if _, err := s.conn.Read(b[:]); err != nil {
				s.hub.endStream(s)
				return
			}
		}
	})
	return nil
}
