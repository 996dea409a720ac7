//go:build unix

package faults

import (
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// eventData is the part of an event's data that readers check.
type eventData struct {
	ID        int64       `json:"id"`
	RoomID    int64       `json:"room_id"`
	Text      string      `json:"text"`
	CreatedAt models.Time `json:"created_at"`

	ReconnectInMS int64 `json:"reconnect_in_ms"`
	User          struct {
		ID int64 `json:"id"`
	} `json:"user"`
}

// handle checks the next event of a stream or page, and reports whether to continue.
func (r *streamReader) handle(e harness.Event) bool {
	now := time.Now()
	var about eventData
	if err := e.Decode(&about); err != nil {
		r.reportFlaw("%s: %v: %v", r.name, e, err)
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastEvent = e.Name
	if e.ID != "" {
		r.lastID = e.ID
	}
	switch name := models.EventName(e.Name); name {
	case models.EventReady:
		r.signalOpened()
	case models.EventMessageCreated, models.EventMessageNotification:
		r.handleMessage(name, about, now)
	case models.EventMemberLeft, models.EventMemberBanned:
		if about.User.ID == r.client.User.ID {
			r.removedAt = now
			return true
		}
		r.expectMember(e, about)
	case models.EventSessionRevoked:
		r.revokedAt = now
	case models.EventServerClosing:
		r.locked(func() {
			r.reconnectDelays = append(r.reconnectDelays, time.Duration(about.ReconnectInMS)*time.Millisecond)
		})
	case models.EventResync:
		r.reportFlaw("%s at %s got resync: %v", r.name, r.node, e)
	default:
		r.expectMember(e, about)
	}
	return true
}

func (r *streamReader) signalOpened() {
	select {
	case <-r.started:
	default:
		close(r.started)
	}
}

// handleMessage checks one message. r.mu is held.
func (r *streamReader) handleMessage(name models.EventName, m eventData, now time.Time) {
	key := keyOf(m.Text)
	if !r.revokedAt.IsZero() {
		r.reportFlaw("%s at %s still received message %d of room %d after its session was revoked",
			r.name, r.node, m.ID, m.RoomID)
	}
	if !r.removedAt.IsZero() && m.RoomID == r.rooms[0] {
		r.reportFlaw("%s at %s still received message %d of room %d after its removal",
			r.name, r.node, m.ID, m.RoomID)
		return
	}
	// A user who was removed before a stream is opened again is no longer present, even while older messages are replayed.
	if r.entersRooms && !r.removalExpected && name != models.EventMessageCreated {
		r.reportFlaw("%s at %s is present in room %d, but got message %d as %s", r.name, r.node, m.RoomID, m.ID, name)
	}
	next, known := r.next[m.RoomID]
	switch {
	case !known:
		r.reportFlaw("%s at %s got message %d of room %d, of which it is no member", r.name, r.node, m.ID, m.RoomID)
		return
	case m.ID < next:
		r.reportFlaw("%s at %s got message %d of room %d again or out of order, want %d",
			r.name, r.node, m.ID, m.RoomID, next)
		return
	case m.ID > next:
		r.reportFlaw("%s at %s got message %d of room %d, want message %d", r.name, r.node, m.ID, m.RoomID, next)
	}
	r.next[m.RoomID] = m.ID + 1
	r.seen[m.RoomID] = append(r.seen[m.RoomID], key)
	if !r.polls {
		r.latency.add(now, now.Sub(m.CreatedAt.Time))
	}
}

// expectMember checks that the reader still is a member of the room that an event is about. r.mu is held.
func (r *streamReader) expectMember(e harness.Event, about eventData) {
	if about.RoomID != 0 && about.RoomID == r.rooms[0] && !r.removedAt.IsZero() {
		r.reportFlaw("%s at %s still received %v after its removal", r.name, r.node, e)
	}
}

// hasRead reports whether the reader has read up to a message of a room.
func (r *streamReader) hasRead(room, id int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.next[room] > id
}
