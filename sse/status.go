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
const statusesKept = 10_000

// status is that a user came online or went, to be told to those who know them.
type status struct {
	userID int64
	online bool
	own    bool // it happened at this node, which stores it
	at     models.Time
}

// statuses is what tellStatuses has yet to store and to tell. Only its goroutine uses it.
type statuses struct {
	hub  *Hub
	told []status              // to be told, in order: of each user the newest, since an older one is not so any more
	seen map[int64]models.Time // to be stored: when users were last online
}

// tellStatuses stores and tells who came and who went until ctx is over, and then stores what it can. It is not the tail
// that does so, since it asks the database whom to tell. What could not be done is tried again.
func (h *Hub) tellStatuses(ctx context.Context) {
	q := statuses{hub: h, seen: map[int64]models.Time{}}
	for {
		select {
		case <-ctx.Done():
			q.take()
			q.store(context.WithoutCancel(ctx), seenGrace)
			return
		case <-h.noted:
		}
		for q.take(); q.pending() && ctx.Err() == nil; q.take() {
			if !q.round(ctx) {
				pause(ctx, retryEvery)
			}
		}
	}
}

func (q *statuses) pending() bool { return len(q.told)+len(q.seen) > 0 }

// take adds what was noted since.
func (q *statuses) take() {
	q.hub.mu.Lock()
	noted := q.hub.statuses
	q.hub.statuses = nil
	q.hub.mu.Unlock()
	for _, s := range noted {
		if s.own {
			q.seen[s.userID] = s.at
		}
	}
	q.told = newest(append(q.told, noted...), statusesKept)
}

// newest are the last status of each user, in order, and of those the last limit.
func newest(all []status, limit int) []status {
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
func (q *statuses) round(ctx context.Context) bool {
	// First, so that whoever is told finds it in the user's profile.
	stored := q.store(ctx, readTimeout)
	for len(q.told) > 0 {
		s := q.told[0]
		err := q.hub.tellStatus(ctx, s)
		q.told = q.told[1:]
		if err != nil {
			if ctx.Err() == nil {
				q.hub.logger.Warn("some have yet to be told who is online; it will be tried again", "error", err)
			}
			q.told = append(q.told, s)
			return false
		}
	}
	return stored
}

func (q *statuses) store(ctx context.Context, patience time.Duration) bool {
	if len(q.seen) == 0 {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := q.hub.log.Seen(ctx, q.seen); err != nil {
		q.hub.logger.Warn("it was not stored who was online", "error", err)
		for userID := range q.seen {
			if len(q.seen) <= statusesKept {
				break
			}
			delete(q.seen, userID)
		}
		return false
	}
	clear(q.seen)
	return true
}

// tellStatus tells those who know the user. Nobody knows one whose account is no more.
func (h *Hub) tellStatus(ctx context.Context, s status) error {
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
	frame := passing("", name, models.UserStatus{User: user.Ref(), At: s.at})
	h.locked(func() {
		for _, userID := range knowing {
			for stream := range h.users[userID] {
				if stream.enqueue(frame) == queued {
					h.dirty = append(h.dirty, stream)
				}
			}
		}
	})
	return nil
}
