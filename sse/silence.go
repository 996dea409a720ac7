package sse

import (
	"encoding/json"

	"github.com/parley-chat/parley/models"
)

// silences are what a user gets no notifications of, as of a place in the log. Most users mute and block nobody, and
// have no map.
type silences struct {
	rooms   map[int64]bool
	senders map[int64]bool
}

func newSilences(v models.View) silences {
	var q silences
	for _, id := range v.Muted {
		q.room(id, true)
	}
	for _, id := range v.Blocked {
		q.sender(id, true)
	}
	return q
}

// cover reports whether the user wants no notification of what a sender writes in a room.
func (q *silences) cover(roomID, senderID int64) bool { return q.rooms[roomID] || q.senders[senderID] }

// none reports whether the user wants all notifications.
func (q *silences) none() bool { return len(q.rooms)+len(q.senders) == 0 }

// pass moves the silences over e, an event about the user.
func (q *silences) pass(e models.LogEntry) {
	switch e.Name {
	case models.EventBlockAdded, models.EventBlockRemoved:
		q.sender(e.Audience.PeerID, e.Name == models.EventBlockAdded)
	case models.EventMemberUpdated:
		// A role is told to the room; that a member muted it, to the member alone.
		var m models.MemberEvent
		if e.Audience.RoomID == 0 && json.Unmarshal(e.Data, &m) == nil && m.Muted != nil {
			q.room(m.RoomID, *m.Muted)
		}
	}
}

func (q *silences) room(id int64, silent bool) {
	switch {
	case !silent:
		delete(q.rooms, id)
	case q.rooms == nil:
		q.rooms = map[int64]bool{id: true}
	default:
		q.rooms[id] = true
	}
}

func (q *silences) sender(id int64, silent bool) {
	switch {
	case !silent:
		delete(q.senders, id)
	case q.senders == nil:
		q.senders = map[int64]bool{id: true}
	default:
		q.senders[id] = true
	}
}
