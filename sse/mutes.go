package sse

import (
	"encoding/json"

	"github.com/parley-chat/parley/models"
)

// silences are what a user gets no notifications of, as of a place in the log, and who gets none of theirs. Most users mute and
// block nobody, are blocked by nobody, and have no map.
type mutes struct {
	rooms     idSet
	blocked   idSet // whom the user has blocked
	blockedBy idSet // who have blocked the user
}

func newMutes(v models.View) mutes {
	var q mutes
	for _, id := range v.Muted {
		q.rooms.set(id, true)
	}
	for _, id := range v.Blocked {
		q.blocked.set(id, true)
	}
	for _, id := range v.BlockedBy {
		q.blockedBy.set(id, true)
	}
	return q
}

// cover reports whether the user wants no notification of what a sender writes in a room.
func (q *mutes) suppresses(roomID, senderID int64) bool {
	return q.rooms[roomID] || q.blocked[senderID]
}

// apart reports whether the user and another one are told nothing of each other that passes: who is there, and who types.
func (q *mutes) separates(userID int64) bool { return q.blocked[userID] || q.blockedBy[userID] }

// none reports whether the user wants all notifications.
func (q *mutes) suppressesNothing() bool { return len(q.rooms)+len(q.blocked) == 0 }

// pass moves the silences of a user over e, an event about them.
func (q *mutes) apply(e models.LogEntry, userID int64) {
	switch e.Name {
	case models.EventBlockAdded, models.EventBlockRemoved:
		if e.Audience.UserID == userID {
			q.blocked.set(e.Audience.PeerID, e.Name == models.EventBlockAdded)
		} else {
			q.blockedBy.set(e.Audience.UserID, e.Name == models.EventBlockAdded)
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
func (q *mutes) unmuteRoom(id int64) { q.rooms.set(id, false) }

// ids is a set, which is no map until there is something in it.
type idSet map[int64]bool

func (s *idSet) set(id int64, there bool) {
	switch {
	case !there:
		delete(*s, id)
	case *s == nil:
		*s = idSet{id: true}
	default:
		(*s)[id] = true
	}
}
