package sse

import (
	"encoding/json"

	"github.com/parley-chat/parley/models"
)

// silences are what a user gets no notifications of, as of a place in the log, and who gets none of theirs. Most users mute and
// block nobody, are blocked by nobody, and have no map.
type silences struct {
	rooms    map[int64]bool
	senders  map[int64]bool // whom the user has blocked
	blockers map[int64]bool // who have blocked the user
}

func newSilences(v models.View) silences {
	var q silences
	for _, id := range v.Muted {
		set(&q.rooms, id, true)
	}
	for _, id := range v.Blocked {
		set(&q.senders, id, true)
	}
	for _, id := range v.BlockedBy {
		set(&q.blockers, id, true)
	}
	return q
}

// cover reports whether the user wants no notification of what a sender writes in a room.
func (q *silences) cover(roomID, senderID int64) bool { return q.rooms[roomID] || q.senders[senderID] }

// apart reports whether the user and another one are told nothing of each other that passes: who is there, and who types.
func (q *silences) apart(userID int64) bool { return q.senders[userID] || q.blockers[userID] }

// none reports whether the user wants all notifications.
func (q *silences) none() bool { return len(q.rooms)+len(q.senders) == 0 }

// pass moves the silences of a user over e, an event about them.
func (q *silences) pass(e models.LogEntry, userID int64) {
	switch e.Name {
	case models.EventBlockAdded, models.EventBlockRemoved:
		if e.Audience.UserID == userID {
			set(&q.senders, e.Audience.PeerID, e.Name == models.EventBlockAdded)
		} else {
			set(&q.blockers, e.Audience.UserID, e.Name == models.EventBlockAdded)
		}
	case models.EventMemberUpdated:
		// A role is told to the room; that a member muted it, to the member alone.
		var m models.MemberEvent
		if e.Audience.RoomID == 0 && json.Unmarshal(e.Data, &m) == nil && m.Muted != nil {
			set(&q.rooms, m.RoomID, *m.Muted)
		}
	}
}

// forgetRoom ends the silence of a room that the user is not in any more.
func (q *silences) forgetRoom(id int64) { set(&q.rooms, id, false) }

func set(ids *map[int64]bool, id int64, there bool) {
	switch {
	case !there:
		delete(*ids, id)
	case *ids == nil:
		*ids = map[int64]bool{id: true}
	default:
		(*ids)[id] = true
	}
}
