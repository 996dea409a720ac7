package sse

import "time"

const (
	// sweepEvery is how often the streams are looked over.
	checkInterval = time.Second
	// heartbeatSweeps is in how many sweeps each stream gets one heartbeat: every 20 s.
	heartbeatSlots = 20
	// deadAfter is how long a peer's kernel may leave unanswered what was sent to it. A peer that is gone without a word is so
	// found by the heartbeat after the one that it did not answer, or within deadAfter when a write waits for it.
	deadPeerTimeout = 30 * time.Second
	// stalledAfter is how long a peer that is alive may take nothing while something waits for it. It is longer because
	// kernels make slow readers look idle: memory is given back, and the window opened, by whole buffers. Over a loopback, and
	// with segments of 1,460 bytes too, readers of 1 KB/s looked idle for up to 133 s at a time, whatever the size of our own
	// buffer. Meanwhile such a stream costs one write (writeSize), its queue (stalledBytes, shared), and unsentLimit of the
	// kernel's memory.
	stalledTimeout = 3 * time.Minute
)

// debt is what a socket owes its peer.
type sendState struct {
	unackedBytes int
	unanswered   bool          // something was sent again and again, and not acknowledged
	sinceHeard   time.Duration // since the peer's kernel was last heard of
}

// Sweep sends a share of the streams their heartbeat, drops the peers that take nothing, and notes who has been gone for
// long enough to be offline. One look at all streams costs less than a deadline with every write. Run does it each
// second; whoever calls it with a time to come does not have to wait for it.
func (h *Hub) Sweep(now time.Time) {
	share := uint64(now.Unix()) % heartbeatSlots
	var stalled []*Stream
	h.withLock(func() {
		h.expireDepartures(now)
		for _, s := range h.streams {
			due := s.heartbeatSlot%heartbeatSlots == share
			switch {
			case s.isStalled(now, due):
				stalled = append(stalled, s)
			case due && s.enqueue(heartbeatFrame) == needsFlush:
				h.toFlush = append(h.toFlush, s)
			}
		}
	})
	for _, s := range stalled {
		h.logger.Info("a stream's peer takes nothing; it is dropped", "stream", s.id, "user", s.userID)
		h.endStream(s)
	}
}

// stalled reports whether the peer is gone without a word, or takes nothing of what it is owed for too long. Of streams for
// which no write waits, only those whose heartbeat is due are asked about, which costs a call of the kernel.
func (s *Stream) isStalled(now time.Time, due bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.blocked && !due || s.conn == nil || s.ended {
		return false
	}
	d, known := s.socket.sendState()
	if known && d.unanswered && d.sinceHeard > s.hub.deadPeerTimeout {
		return true
	}
	if known && d.unackedBytes != s.unackedBytes {
		s.unackedBytes, s.lastProgress = d.unackedBytes, now
	}
	return s.blocked && now.Sub(s.lastProgress) > stalledTimeout
}
