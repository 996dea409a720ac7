package sse

import (
	"context"
	"errors"
	"maps"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// A node sends a heartbeat every heartbeatInterval. Without one for leaseDuration, the other nodes treat it as dead.
	// Together they are less than the 15 s within which its users must be reported as gone.
	heartbeatInterval = 2 * time.Second
	leaseDuration     = 11 * time.Second
	// leaseQueryTimeout limits each query of the lease, and the wait for the response to a presence request.
	leaseQueryTimeout = 5 * time.Second
	// presenceBatch limits the changes in one presence update.
	presenceBatch = 500
)

// lease is the state of keepLease's goroutine.
type lease struct {
	hub        *Hub
	now        func() time.Time         // time.Now, except in tests
	heartbeats map[string]nodeHeartbeat // of the other nodes
	changes    map[presenceKey]models.Presence
	responses  []models.PresenceResponse // not published yet, as the changes
}

// nodeHeartbeat is the last heartbeat seen of a node, and when it was first seen. Only this node's clock is used.
type nodeHeartbeat struct {
	count int64
	since time.Time
}

// keepLease publishes this node's presence and heartbeats until ctx is done, and removes nodes that are dead.
func (h *Hub) keepLease(ctx context.Context) {
	l := lease{hub: h, now: time.Now, changes: map[presenceKey]models.Presence{}}
	ticker := time.NewTicker(heartbeatInterval)
	defer ticker.Stop()
	l.try(ctx, l.heartbeat)
	for {
		select {
		case <-ctx.Done():
			l.try(context.WithoutCancel(ctx), func(ctx context.Context) error {
				return h.log.RemoveNode(ctx, h.nodeID, models.AnyHeartbeat, models.Now())
			})
			return
		case <-h.presenceSignal:
			l.try(ctx, l.publishPresence)
		case <-ticker.C:
			l.try(ctx, l.heartbeat)
			l.try(ctx, l.publishPresence) // in case an earlier attempt failed
		}
	}
}

func (l *lease) try(ctx context.Context, f func(context.Context) error) {
	limited, cancel := context.WithTimeout(ctx, leaseQueryTimeout)
	defer cancel()
	if err := f(limited); err != nil && ctx.Err() == nil {
		l.hub.logger.Warn("cannot publish this node's heartbeat or presence; retrying", "error", err)
	}
}

// heartbeat stores this node's heartbeat, and removes nodes without one for leaseDuration.
func (l *lease) heartbeat(ctx context.Context) error {
	counts, err := l.hub.log.Heartbeat(ctx, l.hub.nodeID)
	if err != nil {
		return err
	}
	if _, known := counts[l.hub.nodeID]; !known {
		l.hub.logger.Warn("another node has removed this node as dead; registering again")
		if err := l.hub.log.RegisterNode(ctx, l.hub.nodeID); err != nil {
			return err
		}
		l.hub.recordAllPresence()
		l.hub.remoteOutdated.Store(true)
		l.hub.commits.requestLogRead()
	}
	delete(counts, l.hub.nodeID)
	l.hub.otherNodes.Store(int64(len(counts)))
	now, seen := l.now(), make(map[string]nodeHeartbeat, len(counts))
	var errs []error
	for node, count := range counts {
		last, before := l.heartbeats[node]
		if !before || last.count != count {
			last = nodeHeartbeat{count: count, since: now}
		}
		seen[node] = last
		if now.Sub(last.since) > leaseDuration {
			l.hub.logger.Warn("node is dead; its users are reported as gone", "node", node)
			errs = append(errs, l.hub.log.RemoveNode(ctx, node, count, models.At(last.since)))
		}
	}
	l.heartbeats = seen
	return errors.Join(errs...)
}

// publishPresence publishes changed presence in batches, and the responses to presence requests after the changes
// that they confirm.
func (l *lease) publishPresence(ctx context.Context) error {
	l.collect(ctx)
	for len(l.changes)+len(l.responses) > 0 {
		update := models.PresenceUpdate{Node: l.hub.nodeID}
		for _, p := range l.changes {
			if update.Changes = append(update.Changes, p); len(update.Changes) == presenceBatch {
				break
			}
		}
		if len(update.Changes) == len(l.changes) {
			update.Responses = l.responses
		}
		if err := l.hub.log.PublishPresence(ctx, update); err != nil {
			return err
		}
		for _, p := range update.Changes {
			delete(l.changes, presenceKey{roomID: p.RoomID, userID: p.User.ID})
		}
		if update.Responses != nil {
			l.responses = nil
		}
	}
	return nil
}

// collect adds new changes to those that could not be published yet. The last change of a user in a room counts.
func (l *lease) collect(ctx context.Context) {
	h := l.hub
	h.mu.Lock()
	requests := h.presenceRequests
	h.presenceRequests = nil
	h.mu.Unlock()
	for _, request := range requests {
		l.responses = append(l.responses, h.handlePresenceRequest(ctx, request))
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(l.changes, h.presenceChanges)
	clear(h.presenceChanges)
}

// recordPresence records a change of a user's presence at this node, to be published to the others. h.mu is held.
func (h *Hub) recordPresence(at presenceKey, info presenceInfo, here bool, when time.Time) {
	if h.nodeID == "" {
		return
	}
	user := info.user
	user.ID = at.userID
	h.presenceChanges[at] = models.Presence{
		RoomID: at.roomID, Subject: info.subject, User: user, Here: here, At: models.At(when),
	}
	h.signalPresence()
}

// recordAllPresence records everybody who is present here, because the other nodes have removed this one.
func (h *Hub) recordAllPresence() {
	h.mu.Lock()
	defer h.mu.Unlock()
	now := time.Now()
	for userID := range h.users {
		h.recordPresence(presenceKey{userID: userID}, presenceInfo{}, true, now)
	}
	for userID, d := range h.pendingOffline {
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

// signalPresence wakes keepLease.
func (h *Hub) signalPresence() {
	select {
	case h.presenceSignal <- struct{}{}:
	default: // a wake-up is pending already
	}
}
