package sse

import "slices"

// tie is what a stream has to do with one room: it hears of it, is in it, or both.
type roomState struct {
	roomID       int64
	subscription *subscription // nil while the stream does not hear of the room here: it is not live, or its user no member
	present      bool
}

// ties are a stream's, in the order of their rooms. Most streams have a few, and a map for them would be a good part of
// what an idle one costs.
type roomStates []roomState

func (t roomStates) find(roomID int64) (at int, found bool) {
	return slices.BinarySearchFunc(t, roomID, func(one roomState, roomID int64) int {
		switch {
		case one.roomID < roomID:
			return -1
		case one.roomID > roomID:
			return 1
		}
		return 0
	})
}

// sub is the stream's subscription of a room, nil for none.
func (t roomStates) subscription(roomID int64) *subscription {
	if at, found := t.find(roomID); found {
		return t[at].subscription
	}
	return nil
}

// entered reports whether the stream is in a room.
func (t roomStates) isPresent(roomID int64) bool {
	at, found := t.find(roomID)
	return found && t[at].present
}

// set changes what the stream has to do with a room. The pointer that change gets is good for no longer than that.
func (t *roomStates) update(roomID int64, change func(*roomState)) {
	at, found := t.find(roomID)
	if !found {
		*t = slices.Insert(*t, at, roomState{roomID: roomID})
	}
	one := &(*t)[at]
	change(one)
	if one.subscription == nil && !one.present {
		*t = slices.Delete(*t, at, at+1)
	}
}

// rooms are those that the stream is in.
func (t roomStates) presentRooms() []int64 {
	var rooms []int64
	for _, one := range t {
		if one.present {
			rooms = append(rooms, one.roomID)
		}
	}
	return rooms
}

// room is who hears of a room on this node.
type room struct {
	subscriptions  []*subscription        // of live streams
	presentStreams map[*Stream]struct{}   // streams that are in the room now, live or not
	presentUsers   map[int64]*presentUser // whose those are
}

// visitor is a user who is in a room.
type presentUser struct {
	streams int // so many of theirs are
	info    presenceInfo
}

// subscription is a live stream's part in a room.
type subscription struct {
	stream  *Stream
	index   int // in room.subscriptions
	present bool
}

func (h *Hub) room(id int64) *room {
	r := h.rooms[id]
	if r == nil {
		r = &room{presentStreams: map[*Stream]struct{}{}, presentUsers: map[int64]*presentUser{}}
		h.rooms[id] = r
	}
	return r
}

func (h *Hub) subscribe(s *Stream, roomID int64) {
	s.rooms.update(roomID, func(t *roomState) {
		if t.subscription == nil {
			r := h.room(roomID)
			t.subscription = &subscription{stream: s, index: len(r.subscriptions), present: t.present}
			r.subscriptions = append(r.subscriptions, t.subscription)
		}
	})
}

func (h *Hub) unsubscribe(s *Stream, roomID int64) {
	sub := s.rooms.subscription(roomID)
	if sub == nil {
		return
	}
	h.removeSubscription(sub, roomID)
	s.rooms.update(roomID, func(t *roomState) { t.subscription = nil })
}

// drop takes a subscription out of its room.
func (h *Hub) removeSubscription(sub *subscription, roomID int64) {
	r := h.rooms[roomID]
	last := len(r.subscriptions) - 1
	r.subscriptions[sub.index] = r.subscriptions[last]
	r.subscriptions[sub.index].index = sub.index
	r.subscriptions[last] = nil
	r.subscriptions = r.subscriptions[:last]
	h.removeRoomIfUnused(roomID, r)
}

// forget drops a room that nobody here hears of.
func (h *Hub) removeRoomIfUnused(roomID int64, r *room) {
	if len(r.subscriptions) == 0 && len(r.presentStreams) == 0 {
		delete(h.rooms, roomID)
	}
}
