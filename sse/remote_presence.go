package sse

import (
	"context"
	"encoding/json"
	"time"

	"github.com/parley-chat/parley/models"
)

// place is where a user can be: in a room or, with roomID 0, online.
type place struct{ roomID, userID int64 }

// elsewhere is who is present on the other nodes, as of the hub's position.
type elsewhere struct {
	nodes map[string]map[place]entrance
	rooms map[int64]map[int64]int // on how many nodes somebody is, by room and user
}

func newElsewhere() elsewhere {
	return elsewhere{nodes: map[string]map[place]entrance{}, rooms: map[int64]map[int64]int{}}
}

// loadElsewhere reads who is present where. It may be ahead of the hub, which then hears of some once more: whatever comes
// last decides.
func loadElsewhere(ctx context.Context, log Log, self string) (elsewhere, error) {
	e := newElsewhere()
	present, err := log.Presences(ctx)
	delete(present, self)
	for node, places := range present {
		for _, p := range places {
			e.add(node, place{roomID: p.RoomID, userID: p.User.ID}, entrance{user: p.User, subject: p.Subject})
		}
	}
	return e, err
}

// reload reads anew who is elsewhere, and tells what has changed. Run calls it, so that the hub does not move meanwhile.
func (h *Hub) reload(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	fresh, err := loadElsewhere(ctx, h.log, h.node)
	if err != nil {
		return err
	}
	h.locked(func() {
		now := models.Now()
		for node, places := range h.away.nodes {
			for at := range places {
				if _, still := fresh.nodes[node][at]; !still {
					h.wentElsewhere(node, at, now)
				}
			}
		}
		for node, places := range fresh.nodes {
			for at, who := range places {
				h.cameElsewhere(node, at, who)
			}
		}
	})
	return nil
}

func (e elsewhere) has(p place) bool { return e.rooms[p.roomID][p.userID] > 0 }

func (e elsewhere) add(node string, p place, who entrance) {
	if e.nodes[node] == nil {
		e.nodes[node] = map[place]entrance{}
	}
	if _, already := e.nodes[node][p]; already {
		return
	}
	e.nodes[node][p] = who
	if e.rooms[p.roomID] == nil {
		e.rooms[p.roomID] = map[int64]int{}
	}
	e.rooms[p.roomID][p.userID]++
}

func (e elsewhere) remove(node string, p place) {
	if _, there := e.nodes[node][p]; !there {
		return
	}
	delete(e.nodes[node], p)
	if len(e.nodes[node]) == 0 {
		delete(e.nodes, node)
	}
	users := e.rooms[p.roomID]
	users[p.userID]--
	if users[p.userID] == 0 {
		delete(users, p.userID)
	}
	if len(users) == 0 {
		delete(e.rooms, p.roomID)
	}
}

// hear applies what another node, or one that found it dead, tells of it. What this node told of itself has been told to
// its streams when it happened.
func (h *Hub) hear(e *event) {
	switch e.Name {
	case models.EventNodeNews:
		var news models.NodeNews
		if err := json.Unmarshal(e.Data, &news); err != nil {
			h.logger.Error("the log has news of a node that cannot be read", "position", e.Position, "error", err)
		} else if news.Node != h.node {
			h.hearNews(news)
		}
	case models.EventNodeAsked:
		var ask models.PresenceAsk
		if err := json.Unmarshal(e.Data, &ask); err != nil {
			h.logger.Error("the log has a request that cannot be read", "position", e.Position, "error", err)
		} else if ask.Node == h.node {
			h.asks = append(h.asks, ask)
			h.newsNoted()
		}
	}
}

func (h *Hub) hearNews(news models.NodeNews) {
	for _, p := range news.Changes {
		at, who := place{roomID: p.RoomID, userID: p.User.ID}, entrance{user: p.User, subject: p.Subject}
		if p.Here {
			h.cameElsewhere(news.Node, at, who)
		} else {
			h.wentElsewhere(news.Node, at, p.At)
		}
	}
	if !news.Gone.IsZero() {
		for at := range h.away.nodes[news.Node] {
			h.wentElsewhere(news.Node, at, news.Gone)
		}
	}
	for _, a := range news.Answers {
		if asker := h.asking[a.ID]; asker != nil {
			asker <- a // has room for the one answer
			delete(h.asking, a.ID)
		}
	}
}

func (h *Hub) cameElsewhere(node string, at place, who entrance) {
	known := h.present(at)
	h.away.add(node, at, who)
	switch r := h.rooms[at.roomID]; {
	case known:
	case at.roomID == 0:
		h.note(status{userID: at.userID, online: true, at: models.Now()})
	case r != nil:
		h.tellInside(r, models.EventPresenceEntered, at.roomID, who)
	}
}

func (h *Hub) wentElsewhere(node string, at place, when models.Time) {
	who, there := h.away.nodes[node][at]
	if !there {
		return
	}
	h.away.remove(node, at)
	switch r := h.rooms[at.roomID]; {
	case h.present(at):
	case at.roomID == 0:
		// They may be on their way to a node that is not about to stop.
		h.leaving[at.userID] = departure{since: earlier(when.Time, time.Now())}
	case r != nil:
		h.tellInside(r, models.EventPresenceLeft, at.roomID, who)
	}
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// present reports whether somebody is at a place, on whichever node. A user is online for a moment after their last
// stream ended. h.mu is held.
func (h *Hub) present(at place) bool {
	if h.away.has(at) {
		return true
	}
	if at.roomID != 0 {
		r := h.rooms[at.roomID]
		return r != nil && r.visitors[at.userID] != nil
	}
	_, leaving := h.leaving[at.userID]
	return leaving || len(h.users[at.userID]) > 0
}
