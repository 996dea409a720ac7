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
	// presenceInterval is the pause after presence was published. What changes meanwhile is published together, and
	// of a user who comes and goes the last change alone: each update is a transaction, and an event where there are other
	// nodes.
	presenceInterval = 50 * time.Millisecond
)

// lease is the state of keepLease's goroutine.
type lease struct {
	hub        *Hub
	now        func() time.Time         // time.Now, except in tests
	heartbeats map[string]nodeHeartbeat // of the other nodes
	changes    map[presenceKey]models.Presence
	responses  []models.PresenceResponse // not published yet, as the changes
	pause      *time.Timer               // runs out at the end of the pause after the last update
	pausing    bool
}

// nodeHeartbeat is the last heartbeat seen of a node, and when it was first seen. Only this node's clock is used.
type nodeHeartbeat struct {
	count int64
	since time.Time
}

// keepLease publishes this node's presence and heartbeats until ctx is done, and removes nodes that are dead. The first
// change is published at once, and so are responses to presence requests, with all changes before them.
func (h *Hub) keepLease(ctx context.Context) {
	l := lease{
		hub: h, now: time.Now, changes: map[presenceKey]models.Presence{}, pause: time.NewTimer(presenceInterval),
	}
	defer l.pause.Stop()
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
			l.handleRequests(ctx)
			if !l.pausing || len(l.responses) > 0 {
				l.publishAndPause(ctx)
			}
		case <-l.pause.C:
			l.pausing = false
			l.publishAndPause(ctx)
		case <-ticker.C:
			l.try(ctx, l.heartbeat)
			l.publishAndPause(ctx) // in case an earlier attempt failed
		}
	}
}

// try reports whether f has succeeded.
func (l *lease) try(ctx context.Context, f func(context.Context) error) bool {
	limited, cancel := context.WithTimeout(ctx, leaseQueryTimeout)
	defer cancel()
	err := f(limited)
	if err != nil && ctx.Err() == nil {
		l.hub.logger.Warn("cannot publish this node's heartbeat or presence; retrying", "error", err)
	}
	return err == nil
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

// publishAndPause publishes what there is to publish, and begins a pause if that was anything. After a failure it lasts
// until the next heartbeat has been tried.
func (l *lease) publishAndPause(ctx context.Context) {
	l.collect()
	if len(l.changes)+len(l.responses) == 0 {
		return
	}
	l.pausing = true
	if l.try(ctx, l.publishPresence) {
		l.pause.Reset(presenceInterval)
	} else {
		l.pause.Reset(heartbeatInterval)
	}
}

// publishPresence publishes changed presence in batches, and the responses to presence requests after the changes
// that they confirm.
func (l *lease) publishPresence(ctx context.Context) error {
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

// handleRequests does what other nodes request. The changes are collected after it, so that no response is published
// before the change that it confirms.
func (l *lease) handleRequests(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, leaseQueryTimeout)
	defer cancel()
	h := l.hub
	h.mu.Lock()
	requests := h.presenceRequests
	h.presenceRequests = nil
	h.mu.Unlock()
	for _, request := range requests {
		l.responses = append(l.responses, h.handlePresenceRequest(ctx, request))
	}
}

// collect adds new changes to those that could not be published yet. The last change of a user in a room counts.
func (l *lease) collect() {
	h := l.hub
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
	if len(h.presenceChanges) == 0 {
		h.signalPresence() // for all changes until keepLease collects them
	}
	h.presenceChanges[at] = models.Presence{
		RoomID: at.roomID, Subject: info.subject, User: user, Here: here, At: models.At(when),
	}
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
