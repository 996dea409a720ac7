package sse

import (
	"context"
	"encoding/json"
	"time"

	"github.com/parley-chat/parley/models"
)

// presenceKey is a user's presence in a room or, with roomID 0, online.
type presenceKey struct{ roomID, userID int64 }

// remotePresence is who is present on the other nodes, at the hub's position.
type remotePresence struct {
	nodes      map[string]map[presenceKey]presenceInfo
	nodeCounts map[int64]map[int64]int // number of nodes by room and user
}

func newRemotePresence() remotePresence {
	return remotePresence{nodes: map[string]map[presenceKey]presenceInfo{}, nodeCounts: map[int64]map[int64]int{}}
}

// loadRemotePresence loads the presence on all other nodes. It may be ahead of the hub, which then applies some
// updates again. That does no harm, since the last one decides.
func loadRemotePresence(ctx context.Context, nodes Nodes, self string) (remotePresence, error) {
	r := newRemotePresence()
	present, err := nodes.Presences(ctx)
	delete(present, self)
	for node, keys := range present {
		for _, p := range keys {
			r.add(node, presenceKey{roomID: p.RoomID, userID: p.User.ID}, presenceInfo{user: p.User, subject: p.Subject})
		}
	}
	return r, err
}

// reloadRemotePresence loads the presence on other nodes again, and publishes the differences. Run calls it, so the
// hub's position does not change meanwhile.
func (h *Hub) reloadRemotePresence(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	fresh, err := loadRemotePresence(ctx, h.log, h.nodeID)
	if err != nil {
		return err
	}
	h.withLock(func() {
		now := models.Now()
		for node, keys := range h.remote.nodes {
			for at := range keys {
				if _, still := fresh.nodes[node][at]; !still {
					h.removeRemote(node, at, now)
				}
			}
		}
		for node, keys := range fresh.nodes {
			for at, info := range keys {
				h.addRemote(node, at, info)
			}
		}
	})
	return nil
}

func (r remotePresence) has(p presenceKey) bool { return r.nodeCounts[p.roomID][p.userID] > 0 }

func (r remotePresence) add(node string, p presenceKey, info presenceInfo) {
	if r.nodes[node] == nil {
		r.nodes[node] = map[presenceKey]presenceInfo{}
	}
	if _, already := r.nodes[node][p]; already {
		return
	}
	r.nodes[node][p] = info
	if r.nodeCounts[p.roomID] == nil {
		r.nodeCounts[p.roomID] = map[int64]int{}
	}
	r.nodeCounts[p.roomID][p.userID]++
}

func (r remotePresence) remove(node string, p presenceKey) {
	if _, there := r.nodes[node][p]; !there {
		return
	}
	delete(r.nodes[node], p)
	if len(r.nodes[node]) == 0 {
		delete(r.nodes, node)
	}
	users := r.nodeCounts[p.roomID]
	users[p.userID]--
	if users[p.userID] == 0 {
		delete(users, p.userID)
	}
	if len(users) == 0 {
		delete(r.nodeCounts, p.roomID)
	}
}

// applyNodeEvent applies a presence update of another node, or a presence request to this node. This node's own
// updates have been applied when they happened.
func (h *Hub) applyNodeEvent(e *event) {
	switch e.Name {
	case models.EventPresenceUpdate:
		var update models.PresenceUpdate
		if err := json.Unmarshal(e.Data, &update); err != nil {
			h.logger.Error("cannot decode a presence update in the log", "position", e.Position, "error", err)
		} else if update.Node != h.nodeID {
			h.applyPresenceUpdate(update)
		}
	case models.EventPresenceRequest:
		var request models.PresenceRequest
		if err := json.Unmarshal(e.Data, &request); err != nil {
			h.logger.Error("cannot decode a presence request in the log", "position", e.Position, "error", err)
		} else if request.Node == h.nodeID {
			h.presenceRequests = append(h.presenceRequests, request)
			h.signalPresence()
		}
	}
}

func (h *Hub) applyPresenceUpdate(update models.PresenceUpdate) {
	for _, p := range update.Changes {
		at, info := presenceKey{roomID: p.RoomID, userID: p.User.ID}, presenceInfo{user: p.User, subject: p.Subject}
		if p.Here {
			h.addRemote(update.Node, at, info)
		} else {
			h.removeRemote(update.Node, at, p.At)
		}
	}
	if !update.Gone.IsZero() {
		for at := range h.remote.nodes[update.Node] {
			h.removeRemote(update.Node, at, update.Gone)
		}
	}
	for _, a := range update.Responses {
		if waiting := h.pendingRequests[a.ID]; waiting != nil {
			waiting <- a // has a capacity of one
			delete(h.pendingRequests, a.ID)
		}
	}
}

func (h *Hub) addRemote(node string, at presenceKey, info presenceInfo) {
	known := h.isPresent(at)
	h.remote.add(node, at, info)
	switch r := h.rooms[at.roomID]; {
	case known:
	case at.roomID == 0:
		h.addStatus(status{userID: at.userID, online: true, at: models.Now()})
	case r != nil:
		h.userEntered(r, at.roomID, info)
	}
}

func (h *Hub) removeRemote(node string, at presenceKey, when models.Time) {
	info, there := h.remote.nodes[node][at]
	if !there {
		return
	}
	h.remote.remove(node, at)
	switch r := h.rooms[at.roomID]; {
	case h.isPresent(at):
	case at.roomID == 0:
		// The user may be on the way to another node, because that one stops.
		h.pendingOffline[at.userID] = pendingOffline{since: earlierOf(when.Time, time.Now())}
	case r != nil:
		h.userLeft(r, at.roomID, info)
	}
}

func earlierOf(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// isPresent reports whether the user is present on any node. After the last stream a user stays online for
// offlineDelay. h.mu is held.
func (h *Hub) isPresent(at presenceKey) bool {
	if h.remote.has(at) {
		return true
	}
	if at.roomID != 0 {
		r := h.rooms[at.roomID]
		return r != nil && r.presentUsers[at.userID] != nil
	}
	_, leaving := h.pendingOffline[at.userID]
	return leaving || len(h.users[at.userID]) > 0
}
