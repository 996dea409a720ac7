package sse

import (
	"slices"
	"time"
)

// roomState is the state of a stream in one room: subscribed, present, or both.
type roomState struct {
	roomID       int64
	subscription *subscription // nil if the stream is not attached, or its user not a member
	present      bool
}

// roomStates are sorted by room. A slice, because a map would be a large part of the memory of an idle stream, and
// most streams are in a few rooms.
type roomStates []roomState

func (r roomStates) find(roomID int64) (at int, found bool) {
	return slices.BinarySearchFunc(r, roomID, func(one roomState, roomID int64) int {
		switch {
		case one.roomID < roomID:
			return -1
		case one.roomID > roomID:
			return 1
		}
		return 0
	})
}

// subscription returns the stream's subscription to a room, nil for none.
func (r roomStates) subscription(roomID int64) *subscription {
	if at, found := r.find(roomID); found {
		return r[at].subscription
	}
	return nil
}

// isPresent reports whether the stream is present in a room.
func (r roomStates) isPresent(roomID int64) bool {
	at, found := r.find(roomID)
	return found && r[at].present
}

// update changes the state in a room. The pointer that change gets is valid only during the call.
func (r *roomStates) update(roomID int64, change func(*roomState)) {
	at, found := r.find(roomID)
	if !found {
		*r = slices.Insert(*r, at, roomState{roomID: roomID})
	}
	one := &(*r)[at]
	change(one)
	if one.subscription == nil && !one.present {
		*r = slices.Delete(*r, at, at+1)
	}
}

// presentRooms returns the rooms in which the stream is present.
func (r roomStates) presentRooms() []int64 {
	var rooms []int64
	for _, one := range r {
		if one.present {
			rooms = append(rooms, one.roomID)
		}
	}
	return rooms
}

// room holds the streams of this node that receive events of a room.
type room struct {
	subscriptions  []*subscription        // of attached streams
	presentStreams map[*Stream]struct{}   // attached or not
	presentUsers   map[int64]*presentUser // the users of presentStreams
	presence       roomPresence           // of the users on all nodes
}

// presentUser is a user who is present in a room.
type presentUser struct {
	streams int // how many of the user's streams are present
	info    presenceInfo
}

// subscription is the entry of an attached stream in a room.
type subscription struct {
	stream  *Stream
	index   int // in room.subscriptions
	present bool
}

func (h *Hub) room(id int64) *room {
	r := h.rooms[id]
	if r == nil {
		r = &room{
			presentStreams: map[*Stream]struct{}{}, presentUsers: map[int64]*presentUser{},
			presence: h.remoteRoomPresence(id),
		}
		h.rooms[id] = r
	}
	return r
}

func (h *Hub) subscribe(s *Stream, roomID int64) {
	s.rooms.update(roomID, func(state *roomState) {
		if state.subscription == nil {
			r := h.room(roomID)
			state.subscription = &subscription{stream: s, index: len(r.subscriptions), present: state.present}
			r.subscriptions = append(r.subscriptions, state.subscription)
		}
	})
}

func (h *Hub) unsubscribe(s *Stream, roomID int64) {
	sub := s.rooms.subscription(roomID)
	if sub == nil {
		return
	}
	h.removeSubscription(sub, roomID)
	s.rooms.update(roomID, func(state *roomState) { state.subscription = nil })
}

// removeSubscription removes a subscription from its room.
func (h *Hub) removeSubscription(sub *subscription, roomID int64) {
	r := h.rooms[roomID]
	last := len(r.subscriptions) - 1
	r.subscriptions[sub.index] = r.subscriptions[last]
	r.subscriptions[sub.index].index = sub.index
	r.subscriptions[last] = nil
	r.subscriptions = r.subscriptions[:last]
	h.removeRoomIfUnused(roomID, r)
}

// removeRoomIfUnused removes a room that has no streams on this node any more.
func (h *Hub) removeRoomIfUnused(roomID int64, r *room) {
	if len(r.subscriptions) == 0 && len(r.presentStreams) == 0 {
		delete(h.rooms, roomID)
	}
}

// removeMember takes a user who has left a room, was removed or was banned, out of it: the user's streams get nothing
// more of the room. A stream in replay is only no longer present there: what it may see is in its visibility snapshot.
func (h *Hub) removeMember(roomID, userID int64) {
	for s := range h.users[userID] {
		h.unsubscribe(s, roomID)
		h.exit(s, roomID)
		s.mutes.unmuteRoom(roomID)
	}
}

// removeRoom takes all streams out of a room that was deleted. Nobody is left to be notified of presence.
func (h *Hub) removeRoom(roomID int64) {
	r := h.rooms[roomID]
	if r == nil {
		return
	}
	for s := range r.presentStreams {
		s.rooms.update(roomID, func(state *roomState) { state.present = false })
	}
	for userID, v := range r.presentUsers {
		h.recordPresence(presenceKey{roomID: roomID, userID: userID}, v.info, false, time.Now())
	}
	for _, sub := range r.subscriptions {
		sub.stream.rooms.update(roomID, func(state *roomState) { state.subscription = nil })
		sub.stream.mutes.unmuteRoom(roomID)
	}
	delete(h.rooms, roomID)
}
