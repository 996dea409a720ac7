package sse

import (
	"encoding/json"

	"github.com/parley-chat/parley/models"
)

// silences are what a user gets no notifications of, as of a place in the log, and who gets none of theirs. Most users mute and
// block nobody, are blocked by nobody, and have no map.
type silences struct {
	rooms    ids
	senders  ids // whom the user has blocked
	blockers ids // who have blocked the user
}

func newSilences(v models.View) silences {
	var q silences
	for _, id := range v.Muted {
		q.rooms.set(id, true)
	}
	for _, id := range v.Blocked {
		q.senders.set(id, true)
	}
	for _, id := range v.BlockedBy {
		q.blockers.set(id, true)
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
			q.senders.set(e.Audience.PeerID, e.Name == models.EventBlockAdded)
		} else {
			q.blockers.set(e.Audience.UserID, e.Name == models.EventBlockAdded)
		}
	case models.EventMemberUpdated:
		// A role is told to the room; that a member muted it, to the member alone.
		var m models.MemberEvent
		if e.Audience.RoomID == 0 && json.Unmarshal(e.Data, &m) == nil && m.Muted != nil {
			q.rooms.set(m.RoomID, *m.Muted)
		}
	}
}

// forgetRoom ends the silence of a room that the user is not in any more.
func (q *silences) forgetRoom(id int64) { q.rooms.set(id, false) }

// ids is a set, which is no map until there is something in it.
type ids map[int64]bool

func (s *ids) set(id int64, there bool) {
	switch {
	case !there:
		delete(*s, id)
	case *s == nil:
		*s = ids{id: true}
	default:
		(*s)[id] = true
	}
}
