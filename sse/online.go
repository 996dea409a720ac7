package sse

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// offlineAfter is how long a user counts as online after their last stream ended: one who reconnects is not told of.
	offlineAfter = 5 * time.Second
	// seenGrace bounds how long a stop waits until it is stored who was online.
	seenGrace = 2 * time.Second
)

// departure is that a user's last stream ended a moment ago. own is whether it was one of this node's: then the others are
// told when the moment is over.
type departure struct {
	since time.Time
	own   bool
}

// come notes that the user's first stream here is about to open. h.mu is held.
func (h *Hub) come(userID int64) {
	at, now := place{userID: userID}, time.Now()
	if !h.present(at) {
		h.note(status{userID: userID, online: true, own: true, at: models.At(now)})
	}
	if !h.leaving[userID].own {
		h.share(at, entrance{}, true, now)
	}
	delete(h.leaving, userID)
}

// expire notes who has been without a stream for long enough. h.mu is held.
func (h *Hub) expire(now time.Time) {
	for userID, d := range h.leaving {
		if now.Sub(d.since) < offlineAfter {
			continue
		}
		delete(h.leaving, userID)
		at := place{userID: userID}
		if d.own {
			h.share(at, entrance{}, false, d.since)
		}
		if !h.present(at) {
			h.note(status{userID: userID, own: d.own, at: models.At(d.since)})
		}
	}
}

func (h *Hub) note(s status) {
	h.statuses = append(h.statuses, s)
	select {
	case h.noted <- struct{}{}:
	default: // tellStatuses has yet to take an earlier one, and will take this one with it
	}
}

// Online reports whether the user has a stream open on any node, or had one a moment ago.
func (h *Hub) Online(userID int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.present(place{userID: userID})
}

// saveLeaving stores when those were last seen whose streams ended with the hub.
func (h *Hub) saveLeaving() {
	ctx, cancel := context.WithTimeout(context.Background(), seenGrace)
	defer cancel()
	h.mu.Lock()
	seen := map[int64]models.Time{}
	for userID, d := range h.leaving {
		if d.own {
			seen[userID] = models.At(d.since)
		}
	}
	h.mu.Unlock()
	if err := h.log.Seen(ctx, seen); err != nil {
		h.logger.Warn("it was not stored who was online at the end", "error", err)
	}
}
