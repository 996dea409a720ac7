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
func loadRemotePresence(ctx context.Context, log Log, self string) (remotePresence, error) {
	e := newRemotePresence()
	present, err := log.Presences(ctx)
	delete(present, self)
	for node, places := range present {
		for _, p := range places {
			e.add(node, presenceKey{roomID: p.RoomID, userID: p.User.ID}, presenceInfo{user: p.User, subject: p.Subject})
		}
	}
	return e, err
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
		for node, places := range h.remote.nodes {
			for at := range places {
				if _, still := fresh.nodes[node][at]; !still {
					h.removeRemote(node, at, now)
				}
			}
		}
		for node, places := range fresh.nodes {
			for at, who := range places {
				h.addRemote(node, at, who)
			}
		}
	})
	return nil
}

func (e remotePresence) has(p presenceKey) bool { return e.nodeCounts[p.roomID][p.userID] > 0 }

func (e remotePresence) add(node string, p presenceKey, who presenceInfo) {
	if e.nodes[node] == nil {
		e.nodes[node] = map[presenceKey]presenceInfo{}
	}
	if _, already := e.nodes[node][p]; already {
		return
	}
	e.nodes[node][p] = who
	if e.nodeCounts[p.roomID] == nil {
		e.nodeCounts[p.roomID] = map[int64]int{}
	}
	e.nodeCounts[p.roomID][p.userID]++
}

func (e remotePresence) remove(node string, p presenceKey) {
	if _, there := e.nodes[node][p]; !there {
		return
	}
	delete(e.nodes[node], p)
	if len(e.nodes[node]) == 0 {
		delete(e.nodes, node)
	}
	users := e.nodeCounts[p.roomID]
	users[p.userID]--
	if users[p.userID] == 0 {
		delete(users, p.userID)
	}
	if len(users) == 0 {
		delete(e.nodeCounts, p.roomID)
	}
}

// applyNodeEvent applies a presence update of another node, or a presence request to this node. This node's own
// updates have been applied when they happened.
func (h *Hub) applyNodeEvent(e *event) {
	switch e.Name {
	case models.EventNodeNews:
		var news models.NodeNews
		if err := json.Unmarshal(e.Data, &news); err != nil {
			h.logger.Error("cannot decode a presence update in the log", "position", e.Position, "error", err)
		} else if news.Node != h.nodeID {
			h.applyPresenceUpdate(news)
		}
	case models.EventNodeAsked:
		var ask models.PresenceAsk
		if err := json.Unmarshal(e.Data, &ask); err != nil {
			h.logger.Error("cannot decode a presence request in the log", "position", e.Position, "error", err)
		} else if ask.Node == h.nodeID {
			h.presenceRequests = append(h.presenceRequests, ask)
			h.signalPresence()
		}
	}
}

func (h *Hub) applyPresenceUpdate(news models.NodeNews) {
	for _, p := range news.Changes {
		at, who := presenceKey{roomID: p.RoomID, userID: p.User.ID}, presenceInfo{user: p.User, subject: p.Subject}
		if p.Here {
			h.addRemote(news.Node, at, who)
		} else {
			h.removeRemote(news.Node, at, p.At)
		}
	}
	if !news.Gone.IsZero() {
		for at := range h.remote.nodes[news.Node] {
			h.removeRemote(news.Node, at, news.Gone)
		}
	}
	for _, a := range news.Answers {
		if asker := h.pendingRequests[a.ID]; asker != nil {
			asker <- a // has a capacity of one
			delete(h.pendingRequests, a.ID)
		}
	}
}

func (h *Hub) addRemote(node string, at presenceKey, who presenceInfo) {
	known := h.isPresent(at)
	h.remote.add(node, at, who)
	switch r := h.rooms[at.roomID]; {
	case known:
	case at.roomID == 0:
		h.addStatus(status{userID: at.userID, online: true, at: models.Now()})
	case r != nil:
		h.sendPresence(r, models.EventPresenceEntered, at.roomID, who)
	}
}

func (h *Hub) removeRemote(node string, at presenceKey, when models.Time) {
	who, there := h.remote.nodes[node][at]
	if !there {
		return
	}
	h.remote.remove(node, at)
	switch r := h.rooms[at.roomID]; {
	case h.isPresent(at):
	case at.roomID == 0:
		// The user may be on the way to another node, because that one stops.
		h.departures[at.userID] = departure{since: earlierOf(when.Time, time.Now())}
	case r != nil:
		h.sendPresence(r, models.EventPresenceLeft, at.roomID, who)
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
	_, leaving := h.departures[at.userID]
	return leaving || len(h.users[at.userID]) > 0
}
