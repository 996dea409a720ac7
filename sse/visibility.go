package sse

import "github.com/parley-chat/parley/models"

// view is what one walking stream may see of rooms, as of its own place in the log. It is made from the database's
// memberships, which may be newer than that place, and corrected by the events that it walks over. Its silences are
// exactly those of its place.
type visibility struct {
	userID      int64
	memberSince map[int64]int64 // what they are a member of, and the position of the first event that they see there
	pastSpans   []models.Span   // stretches that ended, as the database knew when the walk began
	mutes       mutes
}

func newVisibility(v models.View) *visibility {
	w := &visibility{userID: v.UserID, memberSince: map[int64]int64{}, mutes: newMutes(v)}
	for _, s := range v.Spans {
		if s.To == 0 {
			w.memberSince[s.RoomID] = s.From
		} else {
			w.pastSpans = append(w.pastSpans, s)
		}
	}
	return w
}

// sees reports whether e is the user's to see.
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

// pass moves the view over e. Memberships that began after e, which the database knew of already, stay.
func (v *visibility) apply(e models.LogEntry) {
	a := e.Audience
	switch e.Name {
	case models.EventMemberJoined, models.EventRoomCreated:
		if a.RoomID == 0 { // who comes back to a direct room, of which they alone are told, is a member all the time
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

// ended reports whether the stretch that e begins is one that the database knew the end of: it is in past, whole.
func (v *visibility) hasEnded(e models.LogEntry) bool {
	for _, s := range v.pastSpans {
		if s.RoomID == e.Audience.RoomID && s.From <= e.Position && e.Position <= s.To {
			return true
		}
	}
	return false
}
