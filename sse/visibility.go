package sse

import "github.com/parley-chat/parley/models"

// view is what one walking stream may see of rooms, as of its own place in the log. It is made from the database's
// memberships, which may be newer than that place, and corrected by the events that it walks over. Its silences are
// exactly those of its place.
type view struct {
	userID   int64
	rooms    map[int64]int64 // what they are a member of, and the position of the first event that they see there
	past     []models.Span   // stretches that ended, as the database knew when the walk began
	silences silences
}

func newView(v models.View) *view {
	w := &view{userID: v.UserID, rooms: map[int64]int64{}, silences: newSilences(v)}
	for _, s := range v.Spans {
		if s.To == 0 {
			w.rooms[s.RoomID] = s.From
		} else {
			w.past = append(w.past, s)
		}
	}
	return w
}

// sees reports whether e is the user's to see.
func (v *view) sees(e models.LogEntry) bool {
	a := e.Audience
	if a.Everyone || a.UserID == v.userID || a.PeerID == v.userID {
		return true
	}
	if since, ok := v.rooms[a.RoomID]; ok && e.Position >= since {
		return true
	}
	for _, s := range v.past {
		if s.RoomID == a.RoomID && s.From <= e.Position && e.Position <= s.To {
			return true
		}
	}
	return false
}

// pass moves the view over e. Memberships that began after e, which the database knew of already, stay.
func (v *view) pass(e models.LogEntry) {
	a := e.Audience
	switch e.Name {
	case models.EventMemberJoined, models.EventRoomCreated:
		if a.RoomID == 0 { // who comes back to a direct room, of which they alone are told, is a member all the time
			break
		}
		if _, ok := v.rooms[a.RoomID]; !ok && (a.UserID == v.userID || a.PeerID == v.userID) && !v.ended(e) {
			v.rooms[a.RoomID] = e.Position
		}
	case models.EventMemberLeft, models.EventMemberBanned:
		if a.UserID == v.userID {
			v.leave(e)
		}
	case models.EventRoomDeleted:
		v.leave(e)
	case models.EventMemberUpdated:
		if a.UserID == v.userID {
			v.silences.pass(e, v.userID)
		}
	case models.EventBlockAdded, models.EventBlockRemoved:
		if a.UserID == v.userID || a.PeerID == v.userID {
			v.silences.pass(e, v.userID)
		}
	}
}

func (v *view) leave(e models.LogEntry) {
	if since, ok := v.rooms[e.Audience.RoomID]; ok && since <= e.Position {
		delete(v.rooms, e.Audience.RoomID)
	}
	v.silences.forgetRoom(e.Audience.RoomID)
}

// ended reports whether the stretch that e begins is one that the database knew the end of: it is in past, whole.
func (v *view) ended(e models.LogEntry) bool {
	for _, s := range v.past {
		if s.RoomID == e.Audience.RoomID && s.From <= e.Position && e.Position <= s.To {
			return true
		}
	}
	return false
}
