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

func newMutes(from models.Mutes) mutes {
	var m mutes
	for _, id := range from.Muted {
		m.rooms.set(id, true)
	}
	for _, id := range from.Blocked {
		m.blocked.set(id, true)
	}
	for _, id := range from.BlockedBy {
		m.blockedBy.set(id, true)
	}
	return m
}

// suppresses reports whether the user gets no notification of a message of sender in a room.
func (m *mutes) suppresses(roomID, senderID int64) bool {
	return m.rooms[roomID] || m.blocked[senderID]
}

// separates reports whether one of the two users has blocked the other: then neither gets presence and typing events
// of the other.
func (m *mutes) separates(userID int64) bool { return m.blocked[userID] || m.blockedBy[userID] }

// suppressesNothing reports whether the user gets all notifications.
func (m *mutes) suppressesNothing() bool { return len(m.rooms)+len(m.blocked) == 0 }

// apply applies e, an event about the user.
func (m *mutes) apply(e models.LogEntry, userID int64) {
	switch e.Name {
	case models.EventBlockAdded, models.EventBlockRemoved:
		if e.Audience.UserID == userID {
			m.blocked.set(e.Audience.PeerID, e.Name == models.EventBlockAdded)
		} else {
			m.blockedBy.set(e.Audience.UserID, e.Name == models.EventBlockAdded)
		}
	case models.EventMemberUpdated:
		// A change of the role has the room as audience, a mute only the member.
		var member models.MemberEvent
		if e.Audience.RoomID == 0 && json.Unmarshal(e.Data, &member) == nil && member.Muted != nil {
			m.rooms.set(member.RoomID, *member.Muted)
		}
	}
}

// unmuteRoom removes the mute of a room that the user has left.
func (m *mutes) unmuteRoom(id int64) { m.rooms.set(id, false) }

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
