//go:build unix

package faults

import (
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// eventData is what a reader looks at of an event's data.
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

// take looks at the next event of a stream or page, and reports whether to go on.
func (r *streamReader) take(e harness.Event) bool {
	now := time.Now()
	var about eventData
	if err := e.Decode(&about); err != nil {
		r.reportFlaw("%s: %v: %v", r.name, e, err)
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.last = e.Name
	if e.ID != "" {
		r.lastID = e.ID
	}
	switch name := models.EventName(e.Name); name {
	case models.EventReady:
		r.opened()
	case models.EventMessageCreated, models.EventMessageNotification:
		r.message(name, about, now)
	case models.EventMemberLeft, models.EventMemberBanned:
		if about.User.ID == r.client.User.ID {
			r.removed = now
			return true
		}
		r.mustBeIn(e, about)
	case models.EventSessionRevoked:
		r.revoked = now
	case models.EventServerClosing:
		r.locked(func() { r.asked = append(r.asked, time.Duration(about.ReconnectInMS)*time.Millisecond) })
	case models.EventResync:
		r.reportFlaw("%s at %s was told to read again: %v", r.name, r.at, e)
	default:
		r.mustBeIn(e, about)
	}
	return true
}

func (r *streamReader) opened() {
	select {
	case <-r.started:
	default:
		close(r.started)
	}
}

// message takes one message. r.mu is held.
func (r *streamReader) message(name models.EventName, m eventData, now time.Time) {
	key := keyOf(m.Text)
	if !r.revoked.IsZero() {
		r.reportFlaw("%s at %s, who was logged out, was still told of message %d in room %d", r.name, r.at, m.ID, m.RoomID)
	}
	if !r.removed.IsZero() && m.RoomID == r.rooms[0] {
		r.reportFlaw("%s at %s, who was taken out of room %d, was still told of message %d there", r.name, r.at, m.RoomID, m.ID)
		return
	}
	// One who has been removed by the time that a stream opens again is no longer in the room, whatever is replayed.
	if r.enters && !r.departs && name != models.EventMessageCreated {
		r.reportFlaw("%s at %s, who is in room %d, got message %d as %s", r.name, r.at, m.RoomID, m.ID, name)
	}
	due, known := r.due[m.RoomID]
	switch {
	case !known:
		r.reportFlaw("%s at %s was told of message %d in room %d, which it is not in", r.name, r.at, m.ID, m.RoomID)
		return
	case m.ID < due:
		r.reportFlaw("%s at %s got message %d of room %d again, or out of order: %d was due", r.name, r.at, m.ID, m.RoomID, due)
		return
	case m.ID > due:
		r.reportFlaw("%s at %s got message %d of room %d where %d was due", r.name, r.at, m.ID, m.RoomID, due)
	}
	r.due[m.RoomID] = m.ID + 1
	r.seen[m.RoomID] = append(r.seen[m.RoomID], key)
	if !r.polls {
		r.latency.add(now, now.Sub(m.CreatedAt.Time))
	}
}

// mustBeIn wants whatever else is told of a room to be for one who is in it. r.mu is held.
func (r *streamReader) mustBeIn(e harness.Event, about eventData) {
	if about.RoomID != 0 && about.RoomID == r.rooms[0] && !r.removed.IsZero() {
		r.reportFlaw("%s at %s, who was taken out of the room, was still told %v", r.name, r.at, e)
	}
}

// has reports whether the reader has come to a message of a room.
func (r *streamReader) has(room, id int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.due[room] > id
}
