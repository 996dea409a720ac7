package sse

import (
	"slices"

	"github.com/parley-chat/parley/models"
)

// visibility is the visibility snapshot of a replaying stream: what its user may see at the stream's position in the
// log. It is made from the memberships in the database, which may be newer than that position, and corrected by the
// events that are replayed. The mutes are exactly those of the position.
type visibility struct {
	userID      int64
	memberSince map[int64]int64 // the user's rooms, with the position of the first event that they may see
	pastSpans   []models.Span   // memberships that had ended when the snapshot was loaded
	mutes       mutes
}

func newVisibility(from models.Visibility) *visibility {
	v := &visibility{userID: from.UserID, memberSince: map[int64]int64{}, mutes: newMutes(from.Mutes)}
	for _, s := range from.Spans {
		if s.To == 0 {
			v.memberSince[s.RoomID] = s.From
		} else {
			v.pastSpans = append(v.pastSpans, s)
		}
	}
	return v
}

// canSee reports whether the user may see e.
func (v *visibility) canSee(e models.LogEntry) bool {
	a := e.Audience
	if a.Everyone || a.UserID == v.userID || a.PeerID == v.userID {
		return true
	}
	if since, ok := v.memberSince[a.RoomID]; ok && e.Position >= since {
		return true
	}
	for _, s := range v.pastSpans {
		if s.RoomID == a.RoomID && s.From <= e.Position && e.Position <= s.To {
			return true
		}
	}
	return false
}

// changesWith reports whether apply may change the snapshot.
func (v *visibility) changesWith(e models.LogEntry) bool {
	a := e.Audience
	switch e.Name {
	case models.EventMemberLeft, models.EventMemberBanned, models.EventMemberUpdated:
		return a.UserID == v.userID
	case models.EventMemberJoined, models.EventRoomCreated, models.EventBlockAdded, models.EventBlockRemoved:
		return a.UserID == v.userID || a.PeerID == v.userID
	case models.EventRoomDeleted:
		_, member := v.memberSince[a.RoomID]
		return member || v.mutes.rooms[a.RoomID]
	}
	return false
}

// roomsAt returns the rooms of which the user is a member right after the event at position, sorted. Memberships that
// began later start with their event.
func (v *visibility) roomsAt(position int64) []int64 {
	var rooms []int64
	for roomID, since := range v.memberSince {
		if since <= position {
			rooms = append(rooms, roomID)
		}
	}
	for _, s := range v.pastSpans {
		if s.From <= position && position < s.To {
			rooms = append(rooms, s.RoomID)
		}
	}
	slices.Sort(rooms)
	return rooms
}

// apply applies e to the snapshot. Memberships that began after e, which were loaded from the database, stay.
func (v *visibility) apply(e models.LogEntry) {
	a := e.Audience
	switch e.Name {
	case models.EventMemberJoined, models.EventRoomCreated:
		if a.RoomID == 0 { // a direct room that is reopened; its members never left
			break
		}
		if _, ok := v.memberSince[a.RoomID]; !ok && (a.UserID == v.userID || a.PeerID == v.userID) && !v.hasEnded(e) {
			v.memberSince[a.RoomID] = e.Position
		}
	case models.EventMemberLeft, models.EventMemberBanned:
		if a.UserID == v.userID {
			v.leave(e)
		}
	case models.EventRoomDeleted:
		v.leave(e)
	case models.EventMemberUpdated:
		if a.UserID == v.userID {
			v.mutes.apply(e, v.userID)
		}
	case models.EventBlockAdded, models.EventBlockRemoved:
		if a.UserID == v.userID || a.PeerID == v.userID {
			v.mutes.apply(e, v.userID)
		}
	}
}

func (v *visibility) leave(e models.LogEntry) {
	if since, ok := v.memberSince[e.Audience.RoomID]; ok && since <= e.Position {
		delete(v.memberSince, e.Audience.RoomID)
	}
	v.mutes.unmuteRoom(e.Audience.RoomID)
}

// hasEnded reports whether the membership that e begins is one of pastSpans.
func (v *visibility) hasEnded(e models.LogEntry) bool {
	for _, s := range v.pastSpans {
		if s.RoomID == e.Audience.RoomID && s.From <= e.Position && e.Position <= s.To {
			return true
		}
	}
	return false
}
