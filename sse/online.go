package sse

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// offlineAfter is how long a user counts as online after their last stream ended: one who reconnects is not told of.
	offlineDelay = 5 * time.Second
	// seenGrace bounds how long a stop waits until it is stored who was online.
	lastSeenTimeout = 2 * time.Second
)

// departure is that a user's last stream ended a moment ago. own is whether it was one of this node's: then the others are
// told when the moment is over.
type departure struct {
	since time.Time
	own   bool
}

// come notes that the user's first stream here is about to open. h.mu is held.
func (h *Hub) userConnected(userID int64) {
	at, now := presenceKey{userID: userID}, time.Now()
	if !h.isPresent(at) {
		h.addStatus(status{userID: userID, online: true, own: true, at: models.At(now)})
	}
	if !h.departures[userID].own {
		h.recordPresence(at, presenceInfo{}, true, now)
	}
	delete(h.departures, userID)
}

// expire notes who has been without a stream for long enough. h.mu is held.
func (h *Hub) expireDepartures(now time.Time) {
	for userID, d := range h.departures {
		if now.Sub(d.since) < offlineDelay {
			continue
		}
		delete(h.departures, userID)
		at := presenceKey{userID: userID}
		if d.own {
			h.recordPresence(at, presenceInfo{}, false, d.since)
		}
		if !h.isPresent(at) {
			h.addStatus(status{userID: userID, own: d.own, at: models.At(d.since)})
		}
	}
}

func (h *Hub) addStatus(s status) {
	h.statusChanges = append(h.statusChanges, s)
	select {
	case h.statusSignal <- struct{}{}:
	default: // tellStatuses has yet to take an earlier one, and will take this one with it
	}
}

// Online reports whether the user has a stream open on any node, or had one a moment ago.
func (h *Hub) Online(userID int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.isPresent(presenceKey{userID: userID})
}

// saveLeaving stores when those were last seen whose streams ended with the hub.
func (h *Hub) storeDepartures() {
	ctx, cancel := context.WithTimeout(context.Background(), lastSeenTimeout)
	defer cancel()
	h.mu.Lock()
	seen := map[int64]models.Time{}
	for userID, d := range h.departures {
		if d.own {
			seen[userID] = models.At(d.since)
		}
	}
	h.mu.Unlock()
	if err := h.log.Seen(ctx, seen); err != nil {
		h.logger.Warn("it was not stored who was online at the end", "error", err)
	}
}
