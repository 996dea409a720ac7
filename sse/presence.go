package sse

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

// presenceInfo is what presence events say about a user in a room.
type presenceInfo struct {
	user    models.UserRef
	subject string // of the room
}

// Enter makes one of the caller's streams, on any node, present in a room that the caller is a member of. The others
// in the room get presence.entered with user, who is the caller, for the user's first stream, unless there are too many
// (roomPresence). It returns not_found if the stream is not the caller's.
func (h *Hub) Enter(
	ctx context.Context, caller models.Caller, streamID string, room models.Room, user models.UserRef,
) error {
	if h.isRemoteStream(streamID) {
		return h.requestPresence(ctx, models.PresenceRequest{
			UserID: caller.UserID, StreamID: streamID, RoomID: room.ID, Subject: room.Subject, Enter: true,
		})
	}
	return h.enterLocal(ctx, caller, streamID, room, user)
}

func (h *Hub) enterLocal(
	ctx context.Context, caller models.Caller, streamID string, room models.Room, user models.UserRef,
) error {
	// A new member is a member here only when the hub has applied that event, and the others in the room must get it
	// before the presence.
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
		h.leaveToFlushers()
	})
	return err
}

// loadMutes loads the mutes of a replaying stream before it is present in its first room. Otherwise they would be
// known only when it is attached.
func (h *Hub) loadMutes(ctx context.Context, caller models.Caller, streamID string, position int64) error {
	unknown := func() bool {
		s, err := h.ownStream(caller, streamID)
		return err == nil && !s.attached && len(s.rooms) == 0
	}
	h.mu.Lock()
	load := unknown()
	h.mu.Unlock()
	if !load {
		return nil
	}
	v, err := h.log.Visibility(ctx, caller.UserID, position)
	if err != nil {
		return err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if unknown() {
		h.streams[streamID].mutes = newMutes(v.Now)
	}
	return nil
}

// Exit ends the presence of one of the caller's streams in a room. It does nothing if the stream is not present or
// has ended, or is another user's, so that nobody learns which streams exist.
func (h *Hub) Exit(ctx context.Context, caller models.Caller, streamID string, roomID int64) error {
	if h.isRemoteStream(streamID) {
		return h.requestPresence(ctx, models.PresenceRequest{UserID: caller.UserID, StreamID: streamID, RoomID: roomID})
	}
	return h.exitLocal(caller, streamID, roomID)
}

func (h *Hub) exitLocal(caller models.Caller, streamID string, roomID int64) (err error) {
	h.withLock(func() {
		s, unknown := h.ownStream(caller, streamID)
		switch {
		case unknown == nil:
			h.exit(s, roomID)
			h.leaveToFlushers()
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

// Present returns the users who are present in a room, on any node, each once.
func (h *Hub) Present(roomID int64) []int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.presentUsers(roomID)
}

// presentUsers is Present. h.mu is held.
func (h *Hub) presentUsers(roomID int64) []int64 {
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
	s.rooms.update(roomID, func(state *roomState) {
		state.present = true
		if state.subscription != nil {
			state.subscription.present = true
		}
	})
	v := r.presentUsers[s.userID]
	if v == nil {
		v = &presentUser{}
		r.presentUsers[s.userID] = v
		h.recordPresence(at, e, true, time.Now())
	}
	v.streams, v.info = v.streams+1, e
	if !known && !h.userEntered(r, roomID, e) {
		h.pushEphemeral(s, presenceFrame(models.EventPresenceEntered, roomID, e)) // the stream itself gets it at least
	}
}

func (h *Hub) exit(s *Stream, roomID int64) {
	if !s.rooms.isPresent(roomID) {
		return
	}
	at, r := presenceKey{roomID: roomID, userID: s.userID}, h.rooms[roomID]
	delete(r.presentStreams, s)
	s.rooms.update(roomID, func(state *roomState) {
		state.present = false
		if state.subscription != nil {
			state.subscription.present = false
		}
	})
	v := r.presentUsers[s.userID]
	v.streams--
	if v.streams == 0 {
		delete(r.presentUsers, s.userID)
		h.recordPresence(at, v.info, false, time.Now())
	}
	if !h.isPresent(at) {
		h.userLeft(r, roomID, v.info)
	}
	h.removeRoomIfUnused(roomID, r)
}

func presenceFrame(name models.EventName, roomID int64, e presenceInfo) []byte {
	return ephemeralFrame("", name, models.PresenceEvent{RoomID: roomID, Subject: e.subject, User: e.user})
}

// pushToPresent queues an ephemeral frame about a user for the streams that are present in the room, except for those
// of users who have blocked the user or were blocked by them. A stream with a full queue does not get it.
func (h *Hub) pushToPresent(r *room, userID int64, frame []byte) {
	for s := range r.presentStreams {
		if s.mutes.separates(userID) {
			continue
		}
		h.pushEphemeral(s, frame)
	}
}

func (h *Hub) pushEphemeral(s *Stream, frame []byte) {
	if s.enqueue(frame) == needsFlush {
		h.toFlush = append(h.toFlush, s)
	}
}
