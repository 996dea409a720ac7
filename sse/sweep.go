package sse

import "time"

const (
	// sweepEvery is how often the streams are looked over.
	sweepEvery = time.Second
	// heartbeatSweeps is in how many sweeps each stream gets one heartbeat: every 20 s.
	heartbeatSweeps = 20
	// stalledAfter is how long a peer may take nothing of what it is owed.
	stalledAfter = 30 * time.Second
)

// sweep sends a share of the streams their heartbeat and drops the peers that take nothing. One look at all streams
// costs less than a deadline with every write.
func (h *Hub) sweep(now time.Time) {
	share := uint64(now.Unix()) % heartbeatSweeps
	h.mu.Lock()
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

// stalled reports whether the socket owes something and has not taken or passed on any of it for too long.
func (s *Stream) stalled(now time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.writing || !s.sending {
		return false
	}
	if pending, ok := s.socket.pending(); ok && pending != s.pending {
		s.pending, s.progress = pending, now
	}
	return now.Sub(s.progress) > stalledAfter
}
