//go:build !linux

package sse

// watcher finds out which streams were closed from their other end: a goroutine for each waits in a read.
type watcher struct{}

func newWatcher() (*watcher, error) { return &watcher{}, nil }

func (*watcher) run() {}

func (*watcher) close() {}

func (*watcher) forget(*Stream) {}

// watch waits for the peer to close. A client sends nothing on a stream, so whatever comes is ignored.
func (*watcher) watch(s *Stream) error {
	s.hub.work.Go(func() {
		var b [64]byte
		for {
			if _, err := s.conn.Read(b[:]); err != nil {
				s.hub.end(s)
				return
			}
		}
	})
	return nil
}
