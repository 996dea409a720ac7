package sse

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
)

// statusesKept bounds the users whose status waits to be told, and to be stored, while the database does neither. The newest
// are told.
const maxPendingStatuses = 10_000

// status is that a user came online or went, to be told to those who know them.
type status struct {
	userID int64
	online bool
	own    bool // it happened at this node, which stores it
	at     models.Time
}

// statuses is what tellStatuses has yet to store and to tell. Only its goroutine uses it.
type statusQueue struct {
	hub      *Hub
	pending  []status              // to be told, in order: of each user the newest, since an older one is not so any more
	lastSeen map[int64]models.Time // to be stored: when users were last online
}

// tellStatuses stores and tells who came and who went until ctx is over, and then stores what it can. It is not the tail
// that does so, since it asks the database whom to tell. What could not be done is tried again.
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

// take adds what was noted since.
func (q *statusQueue) collect() {
	q.hub.mu.Lock()
	noted := q.hub.statusChanges
	q.hub.statusChanges = nil
	q.hub.mu.Unlock()
	for _, s := range noted {
		if s.own {
			q.lastSeen[s.userID] = s.at
		}
	}
	q.pending = latestPerUser(append(q.pending, noted...), maxPendingStatuses)
}

// newest are the last status of each user, in order, and of those the last limit.
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

// round stores what is to be stored and tells what is to be told. It reports false when the database did not answer: then
// what is left is as it was, but that the one it failed at comes last.
func (q *statusQueue) process(ctx context.Context) bool {
	// First, so that whoever is told finds it in the user's profile.
	stored := q.storeLastSeen(ctx, readTimeout)
	for len(q.pending) > 0 {
		s := q.pending[0]
		err := q.hub.publishStatus(ctx, s)
		q.pending = q.pending[1:]
		if err != nil {
			if ctx.Err() == nil {
				q.hub.logger.Warn("some have yet to be told who is online; it will be tried again", "error", err)
			}
			q.pending = append(q.pending, s)
			return false
		}
	}
	return stored
}

func (q *statusQueue) storeLastSeen(ctx context.Context, patience time.Duration) bool {
	if len(q.lastSeen) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := q.hub.log.Seen(ctx, q.lastSeen); err != nil {
		q.hub.logger.Warn("it was not stored who was online", "error", err)
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

// tellStatus tells those who know the user. Nobody knows one whose account is no more.
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
	knowing, err := h.log.Acquaintances(ctx, s.userID, h.limits.PresenceRoom)
	if err != nil {
		return err
	}
	name := models.EventUserOffline
	if s.online {
		name = models.EventUserOnline
	}
	frame := ephemeralFrame("", name, models.UserStatus{User: user.Ref(), At: s.at})
	h.withLock(func() {
		for _, userID := range knowing {
			for stream := range h.users[userID] {
				if stream.enqueue(frame) == needsFlush {
					h.toFlush = append(h.toFlush, stream)
				}
			}
		}
	})
	return nil
}

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
