//go:build !linux

package sse

// peerWatcher finds out which streams were closed from their other end: a goroutine for each waits in a read.
type peerWatcher struct{}

func newPeerWatcher() (*peerWatcher, error) { return &peerWatcher{}, nil }

func (*peerWatcher) run() {}

func (*peerWatcher) close() {}

func (*peerWatcher) forget(*Stream) {}

// watch waits for the peer to close. A client sends nothing on a stream, so whatever comes is ignored.
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
