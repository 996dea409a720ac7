package sse

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// maxPendingStatuses limits the users whose status waits to be published and stored while the database does not
	// respond. The newest are kept.
	maxPendingStatuses = 10_000
	// offlineDelay is how long a user stays online after their last stream ended, so that a reconnect is not published.
	offlineDelay = 5 * time.Second
	// lastSeenTimeout limits the last attempt to store who was online when the server stops.
	lastSeenTimeout = 2 * time.Second
)

// status says that a user came online or went offline.
type status struct {
	userID int64
	online bool
	own    bool // it happened at this node, which stores it
	at     models.Time
}

// statusQueue holds what runStatusQueue has yet to store and publish. Only its goroutine uses it.
type statusQueue struct {
	hub      *Hub
	pending  []status              // to be published in order; only the newest of each user
	lastSeen map[int64]models.Time // to be stored: when users were last online
}

// runStatusQueue stores and publishes who came online and who went offline until ctx is done, and then stores what is
// left. The log consumer does not do that, because it takes queries to find the users to notify. It retries what
// failed.
func (h *Hub) runStatusQueue(ctx context.Context) {
	q := statusQueue{hub: h, lastSeen: map[int64]models.Time{}}
	for {
		select {
		case <-ctx.Done():
			q.collect()
			q.storeLastSeen(context.WithoutCancel(ctx), lastSeenTimeout)
			return
		case <-h.statusSignal:
		}
		for q.collect(); q.hasWork() && ctx.Err() == nil; q.collect() {
			if !q.process(ctx) {
				waitFor(ctx, retryInterval)
			}
		}
	}
}

func (q *statusQueue) hasWork() bool { return len(q.pending)+len(q.lastSeen) > 0 }

// collect adds the changes since the last call.
func (q *statusQueue) collect() {
	q.hub.mu.Lock()
	changes := q.hub.statusChanges
	q.hub.statusChanges = nil
	q.hub.mu.Unlock()
	for _, s := range changes {
		if s.own {
			q.lastSeen[s.userID] = s.at
		}
	}
	q.pending = latestPerUser(append(q.pending, changes...), maxPendingStatuses)
}

// latestPerUser returns the last status of each user, in order, but only the last limit of them.
func latestPerUser(all []status, limit int) []status {
	last := make(map[int64]int, len(all))
	for i, s := range all {
		last[s.userID] = i
	}
	kept := all[:0]
	for i, s := range all {
		if last[s.userID] == i {
			kept = append(kept, s)
		}
	}
	return slices.Delete(kept, 0, max(len(kept)-limit, 0))
}

// process stores and publishes. If the database does not respond, it returns false and keeps what is left, with the
// failed one last.
func (q *statusQueue) process(ctx context.Context) bool {
	// Stored first, so that users who are notified find it in the profile.
	stored := q.storeLastSeen(ctx, readTimeout)
	for len(q.pending) > 0 {
		s := q.pending[0]
		err := q.hub.publishStatus(ctx, s)
		q.pending = q.pending[1:]
		if err != nil {
			if ctx.Err() == nil {
				q.hub.logger.Warn("cannot publish who is online; retrying", "error", err)
			}
			q.pending = append(q.pending, s)
			return false
		}
	}
	return stored
}

func (q *statusQueue) storeLastSeen(ctx context.Context, timeout time.Duration) bool {
	if len(q.lastSeen) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	if err := q.hub.log.SaveLastSeen(ctx, q.lastSeen); err != nil {
		q.hub.logger.Warn("cannot store when users were last online; retrying", "error", err)
		for userID := range q.lastSeen {
			if len(q.lastSeen) <= maxPendingStatuses {
				break
			}
			delete(q.lastSeen, userID)
		}
		return false
	}
	clear(q.lastSeen)
	return true
}

// publishStatus notifies the acquaintances of the user. A deleted user has none.
func (h *Hub) publishStatus(ctx context.Context, s status) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	user, err := h.log.User(ctx, models.UserPath{ID: s.userID})
	var known *models.Error
	if errors.As(err, &known) && known.Code == models.CodeNotFound {
		return nil
	}
	if err != nil {
		return err
	}
	acquaintances, err := h.log.Acquaintances(ctx, s.userID, h.limits.PresenceRoom)
	if err != nil {
		return err
	}
	name := models.EventUserOffline
	if s.online {
		name = models.EventUserOnline
	}
	frame := ephemeralFrame("", name, models.UserStatus{User: user.Ref(), At: s.at})
	h.withLock(func() {
		for _, userID := range acquaintances {
			for stream := range h.users[userID] {
				h.pushEphemeral(stream, frame)
			}
		}
	})
	return nil
}

// pendingOffline is a user whose last stream has just ended. own is true if it was at this node, which then has to
// publish it after offlineDelay.
type pendingOffline struct {
	since time.Time
	own   bool
}

// userConnected records that a user's first stream at this node is about to open. h.mu is held.
func (h *Hub) userConnected(userID int64) {
	at, now := presenceKey{userID: userID}, time.Now()
	if !h.isPresent(at) {
		h.addStatus(status{userID: userID, online: true, own: true, at: models.At(now)})
	}
	if !h.pendingOffline[userID].own {
		h.recordPresence(at, presenceInfo{}, true, now)
	}
	delete(h.pendingOffline, userID)
}

// publishOffline publishes users as offline when their last stream ended offlineDelay ago. h.mu is held.
func (h *Hub) publishOffline(now time.Time) {
	for userID, d := range h.pendingOffline {
		if now.Sub(d.since) < offlineDelay {
			continue
		}
		delete(h.pendingOffline, userID)
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
	default: // a wake-up is pending already
	}
}

// Online reports whether the user has a stream on any node, or had one less than offlineDelay ago.
func (h *Hub) Online(userID int64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.isPresent(presenceKey{userID: userID})
}

// storeLastSeen stores when the users whose streams ended with the hub were last online.
func (h *Hub) storeLastSeen() {
	ctx, cancel := context.WithTimeout(context.Background(), lastSeenTimeout)
	defer cancel()
	h.mu.Lock()
	seen := map[int64]models.Time{}
	for userID, d := range h.pendingOffline {
		if d.own {
			seen[userID] = models.At(d.since)
		}
	}
	h.mu.Unlock()
	if err := h.log.SaveLastSeen(ctx, seen); err != nil {
		h.logger.Warn("cannot store when users were last online", "error", err)
	}
}
