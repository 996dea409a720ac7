package sse

import (
	"encoding/json"

	"github.com/parley-chat/parley/models"
)

// mutes are the rooms and users that a user gets no notifications of, and the users who have blocked the user, at a
// position in the log. Most users have none, and no maps.
type mutes struct {
	rooms     idSet
	blocked   idSet // users that this user has blocked
	blockedBy idSet // users who have blocked the user
}

func newMutes(v models.Visibility) mutes {
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

// suppresses reports whether the user gets no notification of a message of sender in a room.
func (q *mutes) suppresses(roomID, senderID int64) bool {
	return q.rooms[roomID] || q.blocked[senderID]
}

// separates reports whether one of the two users has blocked the other: then neither gets presence and typing events
// of the other.
func (q *mutes) separates(userID int64) bool { return q.blocked[userID] || q.blockedBy[userID] }

// suppressesNothing reports whether the user gets all notifications.
func (q *mutes) suppressesNothing() bool { return len(q.rooms)+len(q.blocked) == 0 }

// apply applies e, an event about the user.
func (q *mutes) apply(e models.LogEntry, userID int64) {
	switch e.Name {
	case models.EventBlockAdded, models.EventBlockRemoved:
		if e.Audience.UserID == userID {
			q.blocked.set(e.Audience.PeerID, e.Name == models.EventBlockAdded)
		} else {
			q.blockedBy.set(e.Audience.UserID, e.Name == models.EventBlockAdded)
		}
	case models.EventMemberUpdated:
		// A change of the role has the room as audience, a mute only the member.
		var m models.MemberEvent
		if e.Audience.RoomID == 0 && json.Unmarshal(e.Data, &m) == nil && m.Muted != nil {
			q.rooms.set(m.RoomID, *m.Muted)
		}
	}
}

// unmuteRoom removes the mute of a room that the user has left.
func (q *mutes) unmuteRoom(id int64) { q.rooms.set(id, false) }

// updateRoomMutes applies a change of what a member wants to be notified of to the member's attached streams.
func (h *Hub) updateRoomMutes(e *event) {
	for s := range h.users[e.Audience.UserID] {
		if s.attached {
			s.mutes.apply(e.LogEntry, s.userID)
		}
	}
}

// updateBlocks applies a new or a removed block to the streams of both users, attached or not: presence and typing are
// sent to replaying streams, too.
func (h *Hub) updateBlocks(e *event) {
	for _, userID := range []int64{e.Audience.UserID, e.Audience.PeerID} {
		for s := range h.users[userID] {
			s.mutes.apply(e.LogEntry, userID)
		}
	}
}

// idSet is a set of ids; nil while it is empty.
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
