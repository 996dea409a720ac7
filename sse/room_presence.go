package sse

import (
	"slices"

	"github.com/parley-chat/parley/models"
)

// roomPresence is what the streams of this node have been told of the presence in a room.
//
// While at most Limits.PresentUsers users are present, each is announced: the streams in the room get presence.entered
// and presence.left. While there are more, users who enter are only counted. Otherwise n users who enter would cost n*n
// frames, and nobody reads so many. Users who were announced before are still announced when they leave, so that no
// client has a user who is gone. When the number falls to the limit, those who are left and were only counted are
// announced, so that all are again.
type roomPresence struct {
	users     int   // who are present, on any node
	counted   bool  // there are more than the limit
	announced idSet // the users who have been announced and are present; only while counted, at most as many as the limit
}

// remoteRoomPresence is the presence in a room that has no streams on this node yet.
func (h *Hub) remoteRoomPresence(roomID int64) roomPresence {
	users := len(h.remote.nodeCounts[roomID])
	return roomPresence{users: users, counted: h.tooManyPresent(users)}
}

func (h *Hub) tooManyPresent(users int) bool {
	return h.limits.PresentUsers > 0 && users > h.limits.PresentUsers
}

// userEntered counts and, if there are not too many, announces a user who has become present in a room. It reports
// whether it did. h.mu is held.
func (h *Hub) userEntered(r *room, roomID int64, e presenceInfo) (announced bool) {
	p := &r.presence
	p.users++
	if !h.tooManyPresent(p.users) {
		h.pushToPresent(r, e.user.ID, presenceFrame(models.EventPresenceEntered, roomID, e))
		return true
	}
	if !p.counted {
		p.counted, p.announced = true, idSet{}
		for _, userID := range h.presentUsers(roomID) {
			p.announced.set(userID, userID != e.user.ID)
		}
	}
	return false
}

// userLeft counts a user who is no longer present in a room, and announces that if the user was announced before. h.mu
// is held.
func (h *Hub) userLeft(r *room, roomID int64, e presenceInfo) {
	p := &r.presence
	p.users--
	if !p.counted || p.announced[e.user.ID] {
		p.announced.set(e.user.ID, false)
		h.pushToPresent(r, e.user.ID, presenceFrame(models.EventPresenceLeft, roomID, e))
	}
	if p.counted && !h.tooManyPresent(p.users) {
		h.announceCounted(r, roomID)
		p.counted, p.announced = false, nil
	}
}

// announceCounted announces the users who were only counted when they entered. Each stream gets all of them as one
// frame: its queue would not hold one for each.
func (h *Hub) announceCounted(r *room, roomID int64) {
	if len(r.presentStreams) == 0 {
		return
	}
	var users []int64
	var frames [][]byte
	for _, userID := range h.presentUsers(roomID) {
		if !r.presence.announced[userID] {
			info := h.presenceInfoOf(presenceKey{roomID: roomID, userID: userID})
			users, frames = append(users, userID), append(frames, presenceFrame(models.EventPresenceEntered, roomID, info))
		}
	}
	all := slices.Concat(frames...)
	for s := range r.presentStreams {
		visible := all
		if slices.ContainsFunc(users, s.mutes.separates) {
			visible = nil
			for i, userID := range users {
				if !s.mutes.separates(userID) {
					visible = append(visible, frames[i]...)
				}
			}
		}
		if len(visible) > 0 {
			h.pushEphemeral(s, visible)
		}
	}
}

// presenceInfoOf returns what presence events say about a user who is present in a room.
func (h *Hub) presenceInfoOf(at presenceKey) presenceInfo {
	if v := h.rooms[at.roomID].presentUsers[at.userID]; v != nil {
		return v.info
	}
	for _, keys := range h.remote.nodes {
		if info, there := keys[at]; there {
			return info
		}
	}
	return presenceInfo{}
}
