package sse

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

// entrance is what the others in a room are told about a stream's user.
type entrance struct {
	user    models.UserRef
	subject string // the room's
}

// Enter puts one of the caller's streams, on whichever node it is, into a room that the caller is a member of. The others
// in the room are told of user, the caller, when it is the user's first. A stream that is not the caller's is not_found.
func (h *Hub) Enter(ctx context.Context, caller models.Caller, streamID string, room models.Room, user models.UserRef) error {
	if h.isElsewhere(streamID) {
		return h.ask(ctx, models.PresenceAsk{
			UserID: caller.UserID, StreamID: streamID, RoomID: room.ID, Subject: room.Subject, Enter: true,
		})
	}
	return h.enterHere(ctx, caller, streamID, room, user)
}

func (h *Hub) enterHere(ctx context.Context, caller models.Caller, streamID string, room models.Room, user models.UserRef) error {
	// Whoever has just joined is a member here only when the hub has come to that event; and those in the room are to
	// see the event before the presence.
	head, err := h.log.Head(ctx)
	if err != nil {
		return err
	}
	if err := h.reach(ctx, head.Position); err != nil {
		return err
	}
	if err := h.learnSilences(ctx, caller, streamID, head.Position); err != nil {
		return err
	}
	h.locked(func() {
		var s *Stream
		if s, err = h.own(caller, streamID); err != nil {
			return
		}
		if s.live && s.ties.sub(room.ID) == nil {
			err = models.Errorf(models.CodeForbidden, "You are not a member of this room; join it first.")
			return
		}
		h.enter(s, room.ID, entrance{user: user, subject: room.Subject})
	})
	return err
}

// learnSilences has a stream know whom it is told nothing of before it enters its first room: one that walks would know it only
// when it is live (see entrances).
func (h *Hub) learnSilences(ctx context.Context, caller models.Caller, streamID string, position int64) error {
	unknown := func() bool {
		s, err := h.own(caller, streamID)
		return err == nil && !s.live && len(s.ties) == 0
	}
	h.mu.Lock()
	ask := unknown()
	h.mu.Unlock()
	if !ask {
		return nil
	}
	v, err := h.log.View(ctx, caller.UserID, position)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if unknown() {
		h.streams[streamID].silences = newSilences(v)
	}
	return nil
}

// Exit takes one of the caller's streams out of a room. One that is not in it stays so, as does one that has ended; and
// nobody learns which of the others there are.
func (h *Hub) Exit(ctx context.Context, caller models.Caller, streamID string, roomID int64) error {
	if h.isElsewhere(streamID) {
		return h.ask(ctx, models.PresenceAsk{UserID: caller.UserID, StreamID: streamID, RoomID: roomID})
	}
	return h.exitHere(caller, streamID, roomID)
}

func (h *Hub) exitHere(caller models.Caller, streamID string, roomID int64) (err error) {
	h.locked(func() {
		s, unknown := h.own(caller, streamID)
		switch {
		case unknown == nil:
			h.exit(s, roomID)
		case !isStreamID(streamID):
			err = unknown
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

// Present lists the users who are in a room now, on whichever node, each once.
func (h *Hub) Present(roomID int64) []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	users := []int64{}
	for userID := range h.away.rooms[roomID] {
		users = append(users, userID)
	}
	if r := h.rooms[roomID]; r != nil {
		for userID := range r.visitors {
			if !h.away.has(place{roomID: roomID, userID: userID}) {
				users = append(users, userID)
			}
		}
	}
	return users
}

func (h *Hub) enter(s *Stream, roomID int64, e entrance) {
	if s.ties.entered(roomID) || h.streams[s.id] != s {
		return
	}
	at := place{roomID: roomID, userID: s.userID}
	known := h.present(at)
	r := h.room(roomID)
	r.inside[s] = struct{}{}
	s.ties.set(roomID, func(t *tie) {
		t.entered = true
		if t.sub != nil {
			t.sub.inside = true
		}
	})
	v := r.visitors[s.userID]
	if v == nil {
		v = &visitor{}
		r.visitors[s.userID] = v
		h.share(at, e, true, time.Now())
	}
	v.streams, v.who = v.streams+1, e
	if !known {
		h.tellInside(r, models.EventPresenceEntered, roomID, e)
	}
}

func (h *Hub) exit(s *Stream, roomID int64) {
	if !s.ties.entered(roomID) {
		return
	}
	at, r := place{roomID: roomID, userID: s.userID}, h.rooms[roomID]
	delete(r.inside, s)
	s.ties.set(roomID, func(t *tie) {
		t.entered = false
		if t.sub != nil {
			t.sub.inside = false
		}
	})
	v := r.visitors[s.userID]
	v.streams--
	if v.streams == 0 {
		delete(r.visitors, s.userID)
		h.share(at, v.who, false, time.Now())
	}
	if !h.present(at) {
		h.tellInside(r, models.EventPresenceLeft, roomID, v.who)
	}
	h.forget(roomID, r)
}

func (h *Hub) tellInside(r *room, name models.EventName, roomID int64, e entrance) {
	h.pushInside(r, e.user.ID, passing("", name, models.PresenceEvent{RoomID: roomID, Subject: e.subject, User: e.user}))
}

// pushInside queues an event about a user that is not in the log for those in the room, but for whoever has blocked the user or
// was blocked by them. A stream with no room left does without: it is behind by more than presence is worth.
func (h *Hub) pushInside(r *room, userID int64, frame []byte) {
	for s := range r.inside {
		if s.silences.apart(userID) {
			continue
		}
		if s.enqueue(frame) == queued {
			h.dirty = append(h.dirty, s)
		}
	}
}
