package sse

import (
	"context"

	"github.com/parley-chat/parley/models"
)

// entrance is what the others in a room are told about a stream's user.
type entrance struct {
	user    models.UserRef
	subject string // the room's
}

// Enter puts one of the caller's streams into a room that the caller is a member of. The others in the room are told
// when it is the user's first. A stream that is not the caller's is not_found.
func (h *Hub) Enter(ctx context.Context, caller models.Caller, streamID string, room models.Room) error {
	user, err := h.log.User(ctx, models.UserPath{ID: caller.UserID})
	if err != nil {
		return err
	}
	// Whoever has just joined is a member here only when the hub has come to that event; and those in the room are to
	// see the event before the presence.
	head, _, err := h.log.Bounds(ctx)
	if err != nil {
		return err
	}
	if err := h.reach(ctx, head); err != nil {
		return err
	}
	h.locked(func() {
		var s *Stream
		if s, err = h.own(caller, streamID); err != nil {
			return
		}
		if s.live && s.subscriptions[room.ID] == nil {
			err = models.Errorf(models.CodeForbidden, "You are not a member of this room; join it first.")
			return
		}
		h.enter(s, room.ID, entrance{user: user.Ref(), subject: room.Subject})
	})
	return err
}

// Exit takes one of the caller's streams out of a room; one that is not in it stays so.
func (h *Hub) Exit(_ context.Context, caller models.Caller, streamID string, roomID int64) (err error) {
	h.locked(func() {
		var s *Stream
		if s, err = h.own(caller, streamID); err == nil {
			h.exit(s, roomID)
		}
	})
	return err
}

func (h *Hub) own(caller models.Caller, streamID string) (*Stream, error) {
	s := h.streams[streamID]
	if s == nil || s.userID != caller.UserID {
		return nil, models.NotFound()
	}
	return s, nil
}

// Present lists the users who are in a room now, each once.
func (h *Hub) Present(roomID int64) []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	users := []int64{}
	if r := h.rooms[roomID]; r != nil {
		known := map[int64]bool{}
		for s := range r.inside {
			if !known[s.userID] {
				known[s.userID] = true
				users = append(users, s.userID)
			}
		}
	}
	return users
}

func (h *Hub) enter(s *Stream, roomID int64, e entrance) {
	if _, already := s.entered[roomID]; already || h.streams[s.id] != s {
		return
	}
	r := h.room(roomID)
	first := !r.has(s.userID)
	r.inside[s] = e
	if s.entered == nil {
		s.entered = map[int64]entrance{}
	}
	s.entered[roomID] = e
	if sub := s.subscriptions[roomID]; sub != nil {
		sub.inside = true
	}
	if first {
		h.tellInside(r, models.EventPresenceEntered, roomID, e)
	}
}

func (h *Hub) exit(s *Stream, roomID int64) {
	e, inside := s.entered[roomID]
	if !inside {
		return
	}
	r := h.rooms[roomID]
	delete(s.entered, roomID)
	delete(r.inside, s)
	if sub := s.subscriptions[roomID]; sub != nil {
		sub.inside = false
	}
	if !r.has(s.userID) {
		h.tellInside(r, models.EventPresenceLeft, roomID, e)
	}
	h.forget(roomID, r)
}

func (r *room) has(userID int64) bool {
	for s := range r.inside {
		if s.userID == userID {
			return true
		}
	}
	return false
}

func (h *Hub) tellInside(r *room, name models.EventName, roomID int64, e entrance) {
	h.pushInside(r, passing("", name, models.PresenceEvent{RoomID: roomID, Subject: e.subject, User: e.user}))
}

// pushInside queues an event that is not in the log for those in the room. A stream with no room left does without: it
// is behind by more than presence is worth.
func (h *Hub) pushInside(r *room, frame []byte) {
	for s := range r.inside {
		if s.enqueue(frame) == queued {
			h.dirty = append(h.dirty, s)
		}
	}
}
