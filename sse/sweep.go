package sse

import "time"

const (
	// sweepEvery is how often the streams are looked over.
	sweepEvery = time.Second
	// heartbeatSweeps is in how many sweeps each stream gets one heartbeat: every 20 s.
	heartbeatSweeps = 20
	// deadAfter is how long a peer's kernel may leave unanswered what was sent to it.
	deadAfter = 30 * time.Second
	// stalledAfter is how long a peer that is alive may take nothing. It is long because kernels make slow readers look
	// idle: on a loopback, one that takes 1 KB/s opens its window once a minute.
	stalledAfter = 10 * time.Minute
)

// debt is what a socket owes its peer.
type debt struct {
	bytes    int
	underWay bool          // some of it was sent and not acknowledged
	silence  time.Duration // since the peer's kernel was last heard of
}

// Sweep sends a share of the streams their heartbeat, drops the peers that take nothing, and notes who has been gone for
// long enough to be offline. One look at all streams costs less than a deadline with every write. Run does it each
// second; whoever calls it with a time to come does not have to wait for it.
func (h *Hub) Sweep(now time.Time) {
	share := uint64(now.Unix()) % heartbeatSweeps
	h.mu.Lock()
	h.expire(now)
	var due, stalled []*Stream
	for _, s := range h.streams {
		if s.stalled(now) {
			stalled = append(stalled, s)
		}
		if s.slot%heartbeatSweeps == share && s.enqueue(heartbeat) == queued {
			due = append(due, s)
		}
	}
	h.mu.Unlock()
	for _, s := range due {
		s.flush()
	}
	for _, s := range stalled {
		h.logger.Info("a stream's peer takes nothing; it is dropped", "stream", s.id, "user", s.userID)
		h.remove(s)
	}
}

// stalled reports whether the peer is gone without a word, or takes nothing of what it is owed for too long.
func (s *Stream) stalled(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.sending {
		return false
	}
	d, known := s.socket.owed()
	if known && d.bytes != s.owes {
		s.owes, s.progress = d.bytes, now
	}
	quiet := now.Sub(s.progress)
	return quiet > stalledAfter || quiet > deadAfter && known && d.underWay && d.silence > deadAfter
}
