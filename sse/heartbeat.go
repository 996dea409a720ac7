package sse

import "time"

const (
	// checkInterval is how often Run calls CheckStreams.
	checkInterval = time.Second
	// heartbeatSlots is the number of checks in which each stream gets one heartbeat: one every 20 s.
	heartbeatSlots = 20
	// deadPeerTimeout is how long a peer's kernel may leave data unacknowledged. A peer that has vanished is found with
	// the second heartbeat, or within this time if a write waits for it.
	deadPeerTimeout = 30 * time.Second
	// stalledTimeout is how long a peer that is alive may read nothing while a write waits for it. It is longer because
	// kernels free memory and open the window in large steps, so that a slow reader seems to read nothing for minutes.
	// Such a stream costs one write (writeSize), its queue (blockedQueueBytes, shared), and unsentLimit in the kernel.
	stalledTimeout = 3 * time.Minute
)

// sendState is the state of a socket's send direction.
type sendState struct {
	unackedBytes  int
	unacked       bool          // data was retransmitted several times without an acknowledgement
	sinceReceived time.Duration // time since the peer's kernel has sent anything
}

// CheckStreams sends heartbeats to the streams that are due, drops peers that read nothing, and updates who is offline.
// One scan of all streams is cheaper than a deadline for every write. Run calls it every second. It is exported for the
// tests, which call it with a future time instead of waiting.
func (h *Hub) CheckStreams(now time.Time) {
	share := uint64(now.Unix()) % heartbeatSlots
	var stalled []*Stream
	h.withLock(func() {
		h.publishOffline(now)
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
		h.logger.Info("dropping a stream whose peer reads nothing", "stream", s.id, "user", s.userID)
		h.endStream(s)
	}
}

// isStalled reports whether the peer has vanished, or has read nothing for too long. Without a waiting write, only
// streams that are due for a heartbeat are checked, because it costs a system call.
func (s *Stream) isStalled(now time.Time, due bool) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.blocked && !due || s.conn == nil || s.ended {
		return false
	}
	d, known := s.socket.sendState()
	if known && d.unacked && d.sinceReceived > s.hub.deadPeerTimeout {
		return true
	}
	if known && d.unackedBytes != s.unackedBytes {
		s.unackedBytes, s.lastProgress = d.unackedBytes, now
	}
	return s.blocked && now.Sub(s.lastProgress) > stalledTimeout
}
