package sse

import (
	"slices"

	"github.com/parley-chat/parley/models"
)

// apply applies events, which directly follow the hub's position, and sends them to the attached streams that may see
// them.
func (h *Hub) apply(events []*event) {
	h.withLock(func() {
		defer h.cache.invalidate(events) // once per call, since it scans the whole cache
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

// beforeDelivery subscribes the streams of new members, so that the event that adds them is the first that they see.
func (h *Hub) beforeDelivery(e *event) {
	if e.Name != models.EventMemberJoined && e.Name != models.EventRoomCreated || e.Audience.RoomID == 0 {
		return // the event of a user who reopens a direct room; its members have been subscribed all the time
	}
	for _, userID := range []int64{e.Audience.UserID, e.Audience.PeerID} {
		for s := range h.users[userID] {
			if s.attached {
				h.subscribe(s, e.Audience.RoomID)
			}
		}
	}
}

// afterDelivery applies what the event changes for streams. Streams of removed members are unsubscribed only here, so
// that the event that removes them is the last that they see.
func (h *Hub) afterDelivery(e *event) {
	a := e.Audience
	switch e.Name {
	case models.EventMemberLeft, models.EventMemberBanned:
		h.removeMember(a.RoomID, a.UserID)
	case models.EventRoomDeleted:
		h.removeRoom(a.RoomID)
	case models.EventMemberUpdated:
		h.updateRoomMutes(e)
	case models.EventBlockAdded, models.EventBlockRemoved:
		h.updateBlocks(e)
	case models.EventPresenceUpdate, models.EventPresenceRequest:
		h.applyNodeEvent(e)
	case models.EventSessionRevoked:
		h.endSession(a.UserID, a.SessionID, e.frame)
	}
}

// deliver queues e for the attached streams that may see it.
func (h *Hub) deliver(e *event) {
	a := e.Audience
	switch {
	case !e.Replayable(): // an event for the hub alone, applied in afterDelivery
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
		// In reverse order: a stream whose queue overflows is removed, and the last one takes its place.
		for i := len(r.subscriptions) - 1; i >= 0; i-- {
			sub := r.subscriptions[i]
			if f := e.frameFor(sub.present, sub.stream.mutes.suppresses(a.RoomID, a.UserID)); f != nil {
				h.push(sub.stream, e, f)
			}
		}
	}
}

// frameFor returns the frame for a member who is present in the room or not, nil for none.
func (e *event) frameFor(present, muted bool) []byte {
	switch {
	case e.notification == nil || present:
		return e.frame
	case muted:
		return nil
	}
	return e.notification
}

// push queues a frame of e for an attached stream, once. A stream whose queue is full continues with a replay.
func (h *Hub) push(s *Stream, e *event, frame []byte) {
	h.pushBatch(s, e.Position, e.Position, frame)
}

// pushBatch is push for a batch: all that the stream may see of the events at positions from to upTo.
func (h *Hub) pushBatch(s *Stream, from, upTo int64, frames []byte) {
	if !s.attached || s.pushedPosition >= upTo {
		return
	}
	s.pushedPosition = upTo
	switch s.enqueueBatch(frames, from) {
	case needsFlush:
		h.toFlush = append(h.toFlush, s)
	case queueFull:
		h.detach(s)
	}
}

// attach makes s an attached stream if its position is the hub's position. v is its visibility snapshot there.
func (h *Hub) attach(s *Stream, v *visibility, position int64) (done bool) {
	h.withLock(func() {
		if position != h.position {
			return
		}
		done = true
		if h.streams[s.id] != s || s.hasEnded() {
			return // it has ended, and the replay has to stop
		}
		s.attached, s.pushedPosition, s.mutes = true, position, v.mutes
		// Sorted, so that each is appended at the end of s.rooms.
		for _, roomID := range v.roomsAt(position) {
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

// detach ends the delivery of events to s: from here on it has to replay them.
func (h *Hub) detach(s *Stream) {
	s.attached = false
	for i, state := range s.rooms {
		if state.subscription != nil {
			h.removeSubscription(state.subscription, state.roomID)
			s.rooms[i].subscription = nil
		}
	}
	s.rooms = slices.DeleteFunc(s.rooms, func(state roomState) bool { return !state.present })
}
