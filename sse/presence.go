package sse

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

// entrance is what the others in a room are told about a stream's user.
type presenceInfo struct {
	user    models.UserRef
	subject string // the room's
}

// Enter puts one of the caller's streams, on whichever node it is, into a room that the caller is a member of. The others
// in the room are told of user, the caller, when it is the user's first. A stream that is not the caller's is not_found.
func (h *Hub) Enter(ctx context.Context, caller models.Caller, streamID string, room models.Room, user models.UserRef) error {
	if h.isRemoteStream(streamID) {
		return h.requestPresence(ctx, models.PresenceAsk{
			UserID: caller.UserID, StreamID: streamID, RoomID: room.ID, Subject: room.Subject, Enter: true,
		})
	}
	return h.enterLocal(ctx, caller, streamID, room, user)
}

func (h *Hub) enterLocal(ctx context.Context, caller models.Caller, streamID string, room models.Room, user models.UserRef) error {
	// Whoever has just joined is a member here only when the hub has come to that event; and those in the room are to
	// see the event before the presence.
	head, err := h.log.Head(ctx)
	if err != nil {
		return err
	}
	if err := h.waitForPosition(ctx, head.Position); err != nil {
		return err
	}
	if err := h.loadMutes(ctx, caller, streamID, head.Position); err != nil {
		return err
	}
	h.withLock(func() {
		var s *Stream
		if s, err = h.ownStream(caller, streamID); err != nil {
			return
		}
		if s.attached && s.rooms.subscription(room.ID) == nil {
			err = models.Errorf(models.CodeForbidden, "You are not a member of this room; join it first.")
			return
		}
		h.enter(s, room.ID, presenceInfo{user: user, subject: room.Subject})
	})
	return err
}

// learnSilences has a stream know whom it is told nothing of before it enters its first room: one that walks would know it only
// when it is live (see entrances).
func (h *Hub) loadMutes(ctx context.Context, caller models.Caller, streamID string, position int64) error {
	unknown := func() bool {
		s, err := h.ownStream(caller, streamID)
		return err == nil && !s.attached && len(s.rooms) == 0
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
		h.streams[streamID].mutes = newMutes(v)
	}
	return nil
}

// Exit takes one of the caller's streams out of a room. One that is not in it stays so, as does one that has ended; and
// nobody learns which of the others there are.
func (h *Hub) Exit(ctx context.Context, caller models.Caller, streamID string, roomID int64) error {
	if h.isRemoteStream(streamID) {
		return h.requestPresence(ctx, models.PresenceAsk{UserID: caller.UserID, StreamID: streamID, RoomID: roomID})
	}
	return h.exitLocal(caller, streamID, roomID)
}

func (h *Hub) exitLocal(caller models.Caller, streamID string, roomID int64) (err error) {
	h.withLock(func() {
		s, unknown := h.ownStream(caller, streamID)
		switch {
		case unknown == nil:
			h.exit(s, roomID)
		case !isStreamID(streamID):
			err = unknown
		}
	})
	return err
}

func (h *Hub) ownStream(caller models.Caller, streamID string) (*Stream, error) {
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
	for userID := range h.remote.nodeCounts[roomID] {
		users = append(users, userID)
	}
	if r := h.rooms[roomID]; r != nil {
		for userID := range r.presentUsers {
			if !h.remote.has(presenceKey{roomID: roomID, userID: userID}) {
				users = append(users, userID)
			}
		}
	}
	return users
}

func (h *Hub) enter(s *Stream, roomID int64, e presenceInfo) {
	if s.rooms.isPresent(roomID) || h.streams[s.id] != s {
		return
	}
	at := presenceKey{roomID: roomID, userID: s.userID}
	known := h.isPresent(at)
	r := h.room(roomID)
	r.presentStreams[s] = struct{}{}
	s.rooms.update(roomID, func(t *roomState) {
		t.present = true
		if t.subscription != nil {
			t.subscription.present = true
		}
	})
	v := r.presentUsers[s.userID]
	if v == nil {
		v = &presentUser{}
		r.presentUsers[s.userID] = v
		h.recordPresence(at, e, true, time.Now())
	}
	v.streams, v.info = v.streams+1, e
	if !known {
		h.sendPresence(r, models.EventPresenceEntered, roomID, e)
	}
}

func (h *Hub) exit(s *Stream, roomID int64) {
	if !s.rooms.isPresent(roomID) {
		return
	}
	at, r := presenceKey{roomID: roomID, userID: s.userID}, h.rooms[roomID]
	delete(r.presentStreams, s)
	s.rooms.update(roomID, func(t *roomState) {
		t.present = false
		if t.subscription != nil {
			t.subscription.present = false
		}
	})
	v := r.presentUsers[s.userID]
	v.streams--
	if v.streams == 0 {
		delete(r.presentUsers, s.userID)
		h.recordPresence(at, v.info, false, time.Now())
	}
	if !h.isPresent(at) {
		h.sendPresence(r, models.EventPresenceLeft, roomID, v.info)
	}
	h.removeRoomIfUnused(roomID, r)
}

func (h *Hub) sendPresence(r *room, name models.EventName, roomID int64, e presenceInfo) {
	h.pushToPresent(r, e.user.ID, ephemeralFrame("", name, models.PresenceEvent{RoomID: roomID, Subject: e.subject, User: e.user}))
}

// pushInside queues an event about a user that is not in the log for those in the room, but for whoever has blocked the user or
// was blocked by them. A stream with no room left does without: it is behind by more than presence is worth.
func (h *Hub) pushToPresent(r *room, userID int64, frame []byte) {
	for s := range r.presentStreams {
		if s.mutes.separates(userID) {
			continue
		}
		if s.enqueue(frame) == needsFlush {
			h.toFlush = append(h.toFlush, s)
		}
	}
}
