package sse

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// beatEvery is how often a node shows that it is alive, and leaseLife after what time without a beat the others take it
	// for dead: together less than the 15 s in which they are to tell that its users are gone.
	beatEvery = 2 * time.Second
	leaseLife = 11 * time.Second
	// leaseTimeout bounds each of the lease's own statements, and the wait for another node's answer.
	leaseTimeout = 5 * time.Second
	// newsBatch bounds the changes that are told at once.
	newsBatch = 500
)

// lease is what the goroutine that keeps it knows.
type lease struct {
	hub     *Hub
	beats   map[string]beat // of the other nodes
	changes map[place]models.Presence
	answers []models.PresenceAnswer // like the changes, not told yet
}

// beat is what was last seen of a node, and when it was first seen so. Only this node's own clock counts.
type beat struct {
	count int64
	since time.Time
}

// keepLease tells the other nodes who is present here, and that this node is alive, until ctx is over. It takes those for
// dead that are not.
func (h *Hub) keepLease(ctx context.Context) {
	l := lease{hub: h, beats: map[string]beat{}, changes: map[place]models.Presence{}}
	ticker := time.NewTicker(beatEvery)
	defer ticker.Stop()
	l.attempt(ctx, l.beat)
	for {
		select {
		case <-ctx.Done():
			l.attempt(context.WithoutCancel(ctx), func(ctx context.Context) error {
				return h.log.ForgetNode(ctx, h.node, models.AnyBeat, models.Now())
			})
			return
		case <-h.newsToTell:
			l.attempt(ctx, l.tell)
		case <-ticker.C:
			l.attempt(ctx, l.beat)
			l.attempt(ctx, l.tell) // what an earlier attempt could not
		}
	}
}

func (l *lease) attempt(ctx context.Context, f func(context.Context) error) {
	limited, cancel := context.WithTimeout(ctx, leaseTimeout)
	defer cancel()
	if err := f(limited); err != nil && ctx.Err() == nil {
		l.hub.logger.Warn("the other nodes could not be told who is here; it will be tried again", "error", err)
	}
}

// beat shows that this node is alive, and removes those that have not done so for the life of a lease.
func (l *lease) beat(ctx context.Context) error {
	beats, err := l.hub.log.Beat(ctx, l.hub.node)
	if err != nil {
		return err
	}
	if _, known := beats[l.hub.node]; !known {
		l.hub.logger.Warn("this node was taken for dead by others, and enters itself again")
		if err := l.hub.log.EnterNode(ctx, l.hub.node); err != nil {
			return err
		}
		l.hub.shareAll()
		l.hub.outdated.Store(true)
		l.hub.feed.wake()
	}
	delete(beats, l.hub.node)
	l.hub.peers.Store(int64(len(beats)))
	now, seen := time.Now(), make(map[string]beat, len(beats))
	var errs []error
	for node, count := range beats {
		last, before := l.beats[node]
		if !before || last.count != count {
			last = beat{count: count, since: now}
		}
		seen[node] = last
		if now.Sub(last.since) > leaseLife {
			l.hub.logger.Warn("a node has died; whoever was there is told to be gone", "node", node)
			errs = append(errs, l.hub.log.ForgetNode(ctx, node, count, models.At(last.since)))
		}
	}
	l.beats = seen
	return errors.Join(errs...)
}

// tell stores what changed here, in bites, and how this node answers what it was asked, after the changes that the answers
// tell of.
func (l *lease) tell(ctx context.Context) error {
	l.gather(ctx)
	for len(l.changes)+len(l.answers) > 0 {
		news := models.NodeNews{Node: l.hub.node}
		for _, p := range l.changes {
			if news.Changes = append(news.Changes, p); len(news.Changes) == newsBatch {
				break
			}
		}
		if len(news.Changes) == len(l.changes) {
			news.Answers = l.answers
		}
		if err := l.hub.log.TellNews(ctx, news); err != nil {
			return err
		}
		for _, p := range news.Changes {
			delete(l.changes, place{roomID: p.RoomID, userID: p.User.ID})
		}
		if news.Answers != nil {
			l.answers = nil
		}
	}
	return nil
}

// gather adds what there is to tell to what could not be told yet. Of one user at one place, the last change counts.
func (l *lease) gather(ctx context.Context) {
	h := l.hub
	h.mu.Lock()
	asks := h.asks
	h.asks = nil
	h.mu.Unlock()
	for _, ask := range asks {
		l.answers = append(l.answers, h.answer(ctx, ask))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(l.changes, h.unshared)
	clear(h.unshared)
}

// share notes that a user came to a place at this node, or went, for the other nodes. h.mu is held.
func (h *Hub) share(at place, who entrance, here bool, when time.Time) {
	if h.node == "" {
		return
	}
	user := who.user
	user.ID = at.userID
	h.unshared[at] = models.Presence{RoomID: at.roomID, Subject: who.subject, User: user, Here: here, At: models.At(when)}
	h.newsNoted()
}

// shareAll notes everybody who is here: the other nodes know of nobody.
func (h *Hub) shareAll() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for userID := range h.users {
		h.share(place{userID: userID}, entrance{}, true, now)
	}
	for userID, d := range h.leaving {
		if d.own {
			h.share(place{userID: userID}, entrance{}, true, now)
		}
	}
	for roomID, r := range h.rooms {
		for userID, v := range r.visitors {
			h.share(place{roomID: roomID, userID: userID}, v.who, true, now)
		}
	}
}

// newsNoted wakes keepLease.
func (h *Hub) newsNoted() {
	select {
	case h.newsToTell <- struct{}{}:
	default: // it has yet to take an earlier one, and takes this one with it
	}
}
