package sse

import (
	"maps"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
)

// apply moves the hub over a run of events that follows its position, and writes to the streams what each may see.
func (h *Hub) apply(events []*event) {
	h.withLock(func() {
		defer h.cache.invalidate(events) // once for all of them, since it goes over all that is kept
		for len(events) > 0 {
			run := nextBatch(events)
			if len(run) > 1 {
				h.deliverBatch(run)
			} else {
				h.beforeDelivery(run[0])
				h.deliver(run[0])
				h.afterDelivery(run[0])
			}
			for _, e := range run {
				h.cache.add(e)
			}
			h.position = run[len(run)-1].Position
			events = events[len(run):]
		}
		close(h.positionMoved)
		h.positionMoved = make(chan struct{})
	})
}

// before makes those members whom e brings in, so that it is the first event that they see.
func (h *Hub) beforeDelivery(e *event) {
	if e.Name != models.EventMemberJoined && e.Name != models.EventRoomCreated || e.Audience.RoomID == 0 {
		return // a direct room that somebody comes back to, of which they alone are told, had them all the time
	}
	for _, userID := range []int64{e.Audience.UserID, e.Audience.PeerID} {
		for s := range h.users[userID] {
			if s.attached {
				h.subscribe(s, e.Audience.RoomID)
			}
		}
	}
}

// after takes those out whom e removes, so that it is the last event that they see.
func (h *Hub) afterDelivery(e *event) {
	a := e.Audience
	switch e.Name {
	case models.EventMemberLeft, models.EventMemberBanned:
		for s := range h.users[a.UserID] {
			h.unsubscribe(s, a.RoomID)
			h.exit(s, a.RoomID)
			s.mutes.unmuteRoom(a.RoomID)
		}
	case models.EventRoomDeleted:
		if r := h.rooms[a.RoomID]; r != nil {
			for s := range r.presentStreams {
				s.rooms.update(a.RoomID, func(t *roomState) { t.present = false })
			}
			for userID, v := range r.presentUsers {
				h.recordPresence(presenceKey{roomID: a.RoomID, userID: userID}, v.info, false, time.Now())
			}
			for _, sub := range r.subscriptions {
				sub.stream.rooms.update(a.RoomID, func(t *roomState) { t.subscription = nil })
				sub.stream.mutes.unmuteRoom(a.RoomID)
			}
			delete(h.rooms, a.RoomID)
		}
	case models.EventMemberUpdated:
		for s := range h.users[a.UserID] {
			if s.attached {
				s.mutes.apply(e.LogEntry, s.userID)
			}
		}
	case models.EventBlockAdded, models.EventBlockRemoved:
		for _, userID := range []int64{a.UserID, a.PeerID} {
			for s := range h.users[userID] { // live or not: presence and typing come to those that walk, too
				s.mutes.apply(e.LogEntry, userID)
			}
		}
	case models.EventNodeNews, models.EventNodeAsked:
		h.applyNodeEvent(e)
	case models.EventSessionRevoked:
		for s := range h.users[a.UserID] {
			if s.sessionID == a.SessionID {
				h.finishStream(s, e.frame)
			}
		}
	}
}

// deliver queues e for the live streams that may see it.
func (h *Hub) deliver(e *event) {
	a := e.Audience
	switch {
	case !e.Kept(): // it is for the hub, which after moves
		return
	case a.Everyone:
		for _, s := range h.streams {
			h.push(s, e, e.frame)
		}
		return
	}
	for _, userID := range []int64{a.UserID, a.PeerID} {
		for s := range h.users[userID] {
			h.push(s, e, e.frame)
		}
	}
	if r := h.rooms[a.RoomID]; r != nil {
		// Backwards, since a stream that overflows is taken out of the list, its place filled by the last one.
		for i := len(r.subscriptions) - 1; i >= 0; i-- {
			sub := r.subscriptions[i]
			if f := e.frameFor(sub.present, sub.stream.mutes.suppresses(a.RoomID, a.UserID)); f != nil {
				h.push(sub.stream, e, f)
			}
		}
	}
}

// frameFor is the frame for a member who is in the room or is not, nil for none.
func (e *event) frameFor(inside, silent bool) []byte {
	switch {
	case e.notification == nil || inside:
		return e.frame
	case silent:
		return nil
	}
	return e.notification
}

// push queues a frame of e for a live stream, once. A stream that has no room left goes on from the log.
func (h *Hub) push(s *Stream, e *event, frame []byte) {
	h.pushBatch(s, e.Position, e.Position, frame)
}

// pushRun is push for a piece that holds all that the stream sees of the events at positions from to upTo.
func (h *Hub) pushBatch(s *Stream, from, upTo int64, piece []byte) {
	if !s.attached || s.pushedPosition >= upTo {
		return
	}
	s.pushedPosition = upTo
	switch s.enqueueBatch(piece, from) {
	case needsFlush:
		h.toFlush = append(h.toFlush, s)
	case queueFull:
		h.detach(s)
	}
}

// goLive makes s live if it stands where the hub stands. v is what it may see there.
func (h *Hub) attach(s *Stream, v *visibility, position int64) (done bool) {
	h.withLock(func() {
		if position != h.position {
			return
		}
		done = true
		if h.streams[s.id] != s || s.hasEnded() {
			return // it has ended; there is nothing left to do
		}
		s.attached, s.pushedPosition, s.mutes = true, position, v.mutes
		for _, roomID := range slices.Sorted(maps.Keys(v.memberSince)) { // in their order, so that each is added at the end
			h.subscribe(s, roomID)
		}
		for _, roomID := range s.rooms.presentRooms() {
			if s.rooms.subscription(roomID) == nil {
				h.exit(s, roomID)
			}
		}
		s.endReplay()
	})
	return done
}

// detach makes s no longer live: from here on it reads the log itself.
func (h *Hub) detach(s *Stream) {
	s.attached = false
	for i, t := range s.rooms {
		if t.subscription != nil {
			h.removeSubscription(t.subscription, t.roomID)
			s.rooms[i].subscription = nil
		}
	}
	s.rooms = slices.DeleteFunc(s.rooms, func(t roomState) bool { return !t.present })
}
