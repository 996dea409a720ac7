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
	heartbeatInterval = 2 * time.Second
	leaseDuration     = 11 * time.Second
	// leaseTimeout bounds each of the lease's own statements, and the wait for another node's answer.
	leaseQueryTimeout = 5 * time.Second
	// newsBatch bounds the changes that are told at once.
	presenceBatch = 500
)

// lease is what the goroutine that keeps it knows.
type lease struct {
	hub        *Hub
	heartbeats map[string]nodeHeartbeat // of the other nodes
	changes    map[presenceKey]models.Presence
	responses  []models.PresenceAnswer // like the changes, not told yet
}

// beat is what was last seen of a node, and when it was first seen so. Only this node's own clock counts.
type nodeHeartbeat struct {
	count int64
	since time.Time
}

// keepLease tells the other nodes who is present here, and that this node is alive, until ctx is over. It takes those for
// dead that are not.
func (h *Hub) keepLease(ctx context.Context) {
	l := lease{hub: h, heartbeats: map[string]nodeHeartbeat{}, changes: map[presenceKey]models.Presence{}}
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	l.try(ctx, l.heartbeat)
	for {
		select {
		case <-ctx.Done():
			l.try(context.WithoutCancel(ctx), func(ctx context.Context) error {
				return h.log.ForgetNode(ctx, h.nodeID, models.AnyBeat, models.Now())
			})
			return
		case <-h.presenceSignal:
			l.try(ctx, l.publishPresence)
		case <-ticker.C:
			l.try(ctx, l.heartbeat)
			l.try(ctx, l.publishPresence) // what an earlier attempt could not
		}
	}
}

func (l *lease) try(ctx context.Context, f func(context.Context) error) {
	limited, cancel := context.WithTimeout(ctx, leaseQueryTimeout)
	defer cancel()
	if err := f(limited); err != nil && ctx.Err() == nil {
		l.hub.logger.Warn("the other nodes could not be told who is here; it will be tried again", "error", err)
	}
}

// beat shows that this node is alive, and removes those that have not done so for the life of a lease.
func (l *lease) heartbeat(ctx context.Context) error {
	beats, err := l.hub.log.Beat(ctx, l.hub.nodeID)
	if err != nil {
		return err
	}
	if _, known := beats[l.hub.nodeID]; !known {
		l.hub.logger.Warn("this node was taken for dead by others, and enters itself again")
		if err := l.hub.log.EnterNode(ctx, l.hub.nodeID); err != nil {
			return err
		}
		l.hub.recordAllPresence()
		l.hub.remoteOutdated.Store(true)
		l.hub.commits.requestLogRead()
	}
	delete(beats, l.hub.nodeID)
	l.hub.otherNodes.Store(int64(len(beats)))
	now, seen := time.Now(), make(map[string]nodeHeartbeat, len(beats))
	var errs []error
	for node, count := range beats {
		last, before := l.heartbeats[node]
		if !before || last.count != count {
			last = nodeHeartbeat{count: count, since: now}
		}
		seen[node] = last
		if now.Sub(last.since) > leaseDuration {
			l.hub.logger.Warn("a node has died; whoever was there is told to be gone", "node", node)
			errs = append(errs, l.hub.log.ForgetNode(ctx, node, count, models.At(last.since)))
		}
	}
	l.heartbeats = seen
	return errors.Join(errs...)
}

// tell stores what changed here, in bites, and how this node answers what it was asked, after the changes that the answers
// tell of.
func (l *lease) publishPresence(ctx context.Context) error {
	l.collect(ctx)
	for len(l.changes)+len(l.responses) > 0 {
		news := models.NodeNews{Node: l.hub.nodeID}
		for _, p := range l.changes {
			if news.Changes = append(news.Changes, p); len(news.Changes) == presenceBatch {
				break
			}
		}
		if len(news.Changes) == len(l.changes) {
			news.Answers = l.responses
		}
		if err := l.hub.log.TellNews(ctx, news); err != nil {
			return err
		}
		for _, p := range news.Changes {
			delete(l.changes, presenceKey{roomID: p.RoomID, userID: p.User.ID})
		}
		if news.Answers != nil {
			l.responses = nil
		}
	}
	return nil
}

// gather adds what there is to tell to what could not be told yet. Of one user at one place, the last change counts.
func (l *lease) collect(ctx context.Context) {
	h := l.hub
	h.mu.Lock()
	asks := h.presenceRequests
	h.presenceRequests = nil
	h.mu.Unlock()
	for _, ask := range asks {
		l.responses = append(l.responses, h.handlePresenceRequest(ctx, ask))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(l.changes, h.presenceChanges)
	clear(h.presenceChanges)
}

// share notes that a user came to a place at this node, or went, for the other nodes. h.mu is held.
func (h *Hub) recordPresence(at presenceKey, who presenceInfo, here bool, when time.Time) {
	if h.nodeID == "" {
		return
	}
	user := who.user
	user.ID = at.userID
	h.presenceChanges[at] = models.Presence{RoomID: at.roomID, Subject: who.subject, User: user, Here: here, At: models.At(when)}
	h.signalPresence()
}

// shareAll notes everybody who is here: the other nodes know of nobody.
func (h *Hub) recordAllPresence() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for userID := range h.users {
		h.recordPresence(presenceKey{userID: userID}, presenceInfo{}, true, now)
	}
	for userID, d := range h.departures {
		if d.own {
			h.recordPresence(presenceKey{userID: userID}, presenceInfo{}, true, now)
		}
	}
	for roomID, r := range h.rooms {
		for userID, v := range r.presentUsers {
			h.recordPresence(presenceKey{roomID: roomID, userID: userID}, v.info, true, now)
		}
	}
}

// newsNoted wakes keepLease.
func (h *Hub) signalPresence() {
	select {
	case h.presenceSignal <- struct{}{}:
	default: // it has yet to take an earlier one, and takes this one with it
	}
}
