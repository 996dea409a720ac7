package api

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// movingLists are all lists of the contract, each with the changes that can move its items.
var movingLists = []listCase{
	{"GET /v1/rooms", func(c *harness.Client) *movingList { return listOfRooms(c, "") }},
	{"GET /v1/rooms, of a subject", func(c *harness.Client) *movingList { return listOfRooms(c, "subject=tea&") }},
	{"GET /v1/rooms, since", func(c *harness.Client) *movingList { return listOfRooms(c, "since=2020-01-01T00:00:00Z&") }},
	{"GET /v1/rooms, unread", listOfUnread},
	{"GET /v1/rooms/search, by handle", func(c *harness.Client) *movingList { return listOfSearchedRooms(c, true) }},
	{"GET /v1/rooms/search, by name", func(c *harness.Client) *movingList { return listOfSearchedRooms(c, false) }},
	{"GET /v1/users", listOfUsers},
	{"GET /v1/rooms/{room}/members", func(c *harness.Client) *movingList { return listOfMembers(c, "") }},
	{"GET /v1/rooms/{room}/members, present", func(c *harness.Client) *movingList {
		return listOfMembers(c, "present=true&")
	}},
	{"GET /v1/contacts", func(c *harness.Client) *movingList {
		return listOfPeople(c, "/v1/contacts?", harness.ContactPath)
	}},
	{"GET /v1/blocks", func(c *harness.Client) *movingList { return listOfPeople(c, "/v1/blocks?", harness.BlockPath) }},
	{"GET /v1/rooms/{room}/bans", listOfBans},
	{"GET /v1/rooms/{room}/invites", listOfInvites},
	{"GET /v1/sessions", listOfSessions},
	{"GET /v1/rooms/{room}/pins", listOfPins},
	{"GET /v1/rooms/{room}/messages", func(c *harness.Client) *movingList { return listOfMessages(c, "?") }},
	{"GET /v1/rooms/{room}/messages, after", func(c *harness.Client) *movingList {
		return listOfMessages(c, "?after=1&")
	}},
	{"GET /v1/rooms/{room}/messages, before", func(c *harness.Client) *movingList {
		return listOfMessages(c, "?before=8&")
	}},
	{"GET /v1/rooms/{room}/messages, since", func(c *harness.Client) *movingList {
		return listOfMessages(c, "?since=2020-01-01T00:00:00Z&")
	}},
	{"GET /v1/rooms/{room}/messages, until", func(c *harness.Client) *movingList {
		return listOfMessages(c, "?until=2100-01-01T00:00:00Z&")
	}},
	{"GET /v1/rooms/{room}/messages/search, words", func(c *harness.Client) *movingList {
		return listOfMessages(c, "/search?q=tea&")
	}},
	{"GET /v1/rooms/{room}/messages/search, start", func(c *harness.Client) *movingList {
		return listOfMessages(c, "/search?prefix=tea&")
	}},
	{"GET /v1/search", listOfSearchEverywhere},
	{"GET /v1/events/log", listOfEvents},
}

// newUsers creates as many users as a list has items.
func newUsers(c *harness.Client) (users []*harness.Client, ids []string) {
	c.T.Helper()
	for range listSize {
		u := c.NewGuest("user")
		users, ids = append(users, u), append(ids, listed(u.User.ID))
	}
	return users, ids
}

// ownRooms creates as many rooms of the client as a list has items.
func ownRooms(c *harness.Client, n models.NewRoom) (rooms []models.Room, ids []string) {
	c.T.Helper()
	for range listSize {
		n.Handle = harness.Ptr(harness.UniqueName("room"))
		rooms = append(rooms, c.CreateRoom(n))
		ids = append(ids, listed(rooms[len(rooms)-1].ID))
	}
	return rooms, ids
}

// changeRoom changes a room, and expects success.
func changeRoom(c *harness.Client, roomID int64, change models.RoomChange) {
	c.T.Helper()
	c.Call("PATCH", harness.RoomPath(roomID), change).ExpectStatus(200)
}

// deletePath sends a DELETE request, and expects success.
func deletePath(c *harness.Client, path string) {
	c.T.Helper()
	c.Call("DELETE", path, nil).ExpectStatus(204)
}

// listOfRooms is a list of the user's rooms.
func listOfRooms(c *harness.Client, query string) *movingList {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	rooms, ids := ownRooms(me, models.NewRoom{Subject: harness.Ptr("tea")})
	for i, r := range rooms {
		other.JoinRoom(r.ID)
		if i%2 == 0 {
			me.SendText(r.ID, "first")
		}
	}
	return &movingList{by: me, path: "/v1/rooms?" + query, want: ids, moves: map[string]any{
		"messages": func(i int) { other.SendText(rooms[i].ID, "more") },
		"many messages": func() {
			other.SendText(rooms[1].ID, "more")
			other.SendText(rooms[4].ID, "more")
			other.SendText(rooms[1].ID, "more")
		},
		"cleared": func(i int) {
			me.SendText(rooms[i].ID, "more")
			deletePath(me, harness.RoomPath(rooms[i].ID)+"/messages")
		},
		"renamed": func(i int) {
			changeRoom(me, rooms[i].ID, models.RoomChange{Name: harness.Ptr(harness.UniqueName("name"))})
		},
		"deleted":        func(i int) { deletePath(me, harness.MessagePath(other.SendText(rooms[i].ID, "deleted"))) },
		"members":        func(i int) { c.NewGuest("new").JoinRoom(rooms[i].ID) },
		"read and muted": func(i int) { muteAndRead(me, rooms[i], other.SendText(rooms[i].ID, "more")) },
		"new rooms": func() {
			me.SendText(me.CreateRoom(models.NewRoom{Name: harness.Ptr("new"), Subject: harness.Ptr("tea")}).ID, "first")
		},
		"left and joined again": func() {
			r := other.CreateRoom(models.NewRoom{Handle: harness.Ptr(harness.UniqueName("room")), Subject: harness.Ptr("tea")})
			me.JoinRoom(r.ID)
			other.SendText(r.ID, "more")
			deletePath(me, harness.RoomPath(r.ID)+"/members/me")
			me.JoinRoom(r.ID)
		},
		"a room deleted": func() {
			deletePath(me,
				harness.RoomPath(me.CreateRoom(models.NewRoom{Name: harness.Ptr("deleted"), Subject: harness.Ptr("tea")}).ID))
		},
	}}
}

// muteAndRead mutes a room and marks a message as read.
func muteAndRead(me *harness.Client, room models.Room, m models.Message) {
	me.Call("PATCH", harness.RoomPath(room.ID)+"/members/me", models.MembershipChange{Muted: harness.Ptr(true)}).
		ExpectStatus(200)
	me.Call("PUT", harness.RoomPath(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200)
}

// listOfUnread is a list of the user's rooms with unread messages.
func listOfUnread(c *harness.Client) *movingList {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	rooms, ids := ownRooms(other, models.NewRoom{})
	for _, r := range rooms {
		me.JoinRoom(r.ID)
		other.SendText(r.ID, "first")
	}
	return &movingList{by: me, path: "/v1/rooms?unread=true&", want: ids, moves: map[string]any{
		"messages": func(i int) { other.SendText(rooms[i].ID, "more") },
		"read, and unread again": func(i int) {
			muteAndRead(me, rooms[i], other.SendText(rooms[i].ID, "more"))
			other.SendText(rooms[i].ID, "again")
		},
		"other rooms": func() {
			r := other.CreatePublicRoom(me)
			other.SendText(r.ID, "more")
		},
	}}
}

// listOfSearchedRooms is a list of rooms that a search finds, by handle or by name.
func listOfSearchedRooms(c *harness.Client, byHandle bool) *movingList {
	me := c.NewGuest("ada")
	start := harness.UniqueName("found")
	rename := func(id int64, end string) {
		if byHandle {
			changeRoom(me, id, models.RoomChange{Handle: harness.Ptr(start + "-" + end)})
		} else {
			changeRoom(me, id, models.RoomChange{Name: harness.Ptr(start + " " + end)})
		}
	}
	found := func(end string) models.Room {
		if byHandle {
			return me.CreateRoom(models.NewRoom{Handle: harness.Ptr(start + "-" + end)})
		}
		return me.CreateRoom(models.NewRoom{Name: harness.Ptr(start + " " + end)})
	}
	var rooms []models.Room
	var ids []string
	for i := range listSize {
		rooms = append(rooms, found(fmt.Sprintf("m%d", i)))
		ids = append(ids, listed(rooms[i].ID))
	}
	return &movingList{by: me, path: "/v1/rooms/search?prefix=" + url.QueryEscape(start) + "&", want: ids,
		moves: map[string]any{
			"renamed to the front": func(i int) { rename(rooms[i].ID, harness.UniqueName("a")) },
			"renamed to the back":  func(i int) { rename(rooms[i].ID, harness.UniqueName("z")) },
			"renamed to the front and back": func(i int) {
				rename(rooms[i].ID, harness.UniqueName("a"))
				rename(rooms[i].ID, harness.UniqueName("z"))
			},
			"names taken by others": func(i int) {
				rename(rooms[i].ID, harness.UniqueName("z"))
				found(fmt.Sprintf("m%d-%s", i, harness.UniqueName("n")))
			},
			"found by the other name": func(i int) {
				if byHandle {
					changeRoom(me, rooms[i].ID, models.RoomChange{Name: harness.Ptr(start + " name")})
					changeRoom(me, rooms[i].ID, models.RoomChange{Handle: harness.Ptr(harness.UniqueName("other"))})
				} else {
					changeRoom(me, rooms[i].ID, models.RoomChange{Handle: harness.Ptr(start + harness.UniqueName("-h"))})
				}
			},
			"new and deleted": func() {
				found(harness.UniqueName("a"))
				found(harness.UniqueName("z"))
				deletePath(me, harness.RoomPath(found(harness.UniqueName("n")).ID))
			},
		}}
}

// listOfUsers is a list of users with a prefix of their names.
func listOfUsers(c *harness.Client) *movingList {
	start := "u" + strings.ToLower(harness.UniqueName("x")[2:])
	var users []*harness.Client
	var ids []string
	for i := range listSize {
		users = append(users, c.NewGuestNamed(fmt.Sprintf("%s-m%d", start, i)))
		ids = append(ids, listed(users[i].User.ID))
	}
	signUp := func(i int, end string) { // upgrades the guest, once
		if users[i].User.Guest {
			name := start + "-" + end
			users[i].Call("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}).ExpectStatus(201).
				Decode(&users[i].Session)
		}
	}
	return &movingList{by: users[0], path: "/v1/users?prefix=" + start + "&", want: ids, moves: map[string]any{
		"renamed to the front": func(i int) { signUp(i, fmt.Sprint("a", i)) },
		"renamed to the back":  func(i int) { signUp(i, fmt.Sprint("z", i)) },
		"display names": func(i int) {
			users[i].Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: harness.Ptr(harness.UniqueName("shown"))}).
				ExpectStatus(200)
		},
		"new and deleted": func() {
			c.NewGuestNamed(start + harness.UniqueName("a")[:9])
			deletePath(c.NewGuestNamed(start+harness.UniqueName("z")[:9]), "/v1/users/me")
		},
	}}
}

// listOfMembers is a list of a room's members, or of the present ones.
func listOfMembers(c *harness.Client, query string) *movingList {
	owner := c.NewGuest("ada")
	room := owner.CreatePublicRoom()
	users, ids := newUsers(c)
	streams := make([]*harness.Stream, listSize)
	for i, u := range users {
		u.JoinRoom(room.ID)
		if query != "" {
			streams[i] = u.OpenStream(fmt.Sprintf("room=%d", room.ID))
		}
	}
	moves := map[string]any{
		"roles":        func(i int) { owner.AddMember(room.ID, users[i], models.RoleModerator) },
		"new ones":     func() { c.NewGuest("new").JoinRoom(room.ID) },
		"display name": func(i int) { changeDisplayName(users[i]) },
		"messages":     func(i int) { users[i].SendText(room.ID, "more") },
	}
	if query == "" {
		moves["left and joined again"] = func(i int) {
			deletePath(users[i], harness.RoomPath(room.ID)+"/members/me")
			users[i].JoinRoom(room.ID)
		}
	} else {
		moves["absent and present again"] = func(i int) {
			deletePath(users[i], harness.PresencePath(room.ID, streams[i]))
			users[i].Call("PUT", harness.PresencePath(room.ID, streams[i]), nil).ExpectStatus(204)
		}
	}
	return &movingList{by: owner, path: harness.RoomPath(room.ID) + "/members?" + query, want: ids, moves: moves}
}

// changeDisplayName changes a user's display name.
func changeDisplayName(u *harness.Client) {
	u.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: harness.Ptr(harness.UniqueName("shown"))}).
		ExpectStatus(200)
}

// listOfPeople is a list of contacts or of blocks.
func listOfPeople(c *harness.Client, path string, entry func(*harness.Client) string) *movingList {
	me := c.NewGuest("ada")
	users, ids := newUsers(c)
	put := func(u *harness.Client) { me.Call("PUT", entry(u), nil).ExpectStatus(200) }
	for _, u := range users {
		put(u)
	}
	return &movingList{by: me, path: path, want: ids, moves: map[string]any{
		"removed and added again": func(i int) { deletePath(me, entry(users[i])); put(users[i]) },
		"new ones":                func() { put(c.NewGuest("new")) },
		"display name":            func(i int) { changeDisplayName(users[i]) },
		"deleted accounts": func() {
			u := c.NewGuest("deleted")
			put(u)
			deletePath(u, "/v1/users/me")
		},
	}}
}

// listOfBans is a list of a room's bans.
func listOfBans(c *harness.Client) *movingList {
	owner := c.NewGuest("ada")
	room := owner.CreatePublicRoom()
	users, ids := newUsers(c)
	ban := func(u *harness.Client) {
		owner.Call("PUT", harness.BanPath(room.ID, u), models.NewBan{Reason: harness.Ptr(harness.UniqueName("why"))}).
			ExpectStatus(200)
	}
	for _, u := range users {
		ban(u)
	}
	return &movingList{by: owner, path: harness.RoomPath(room.ID) + "/bans?", want: ids, moves: map[string]any{
		"banned again":             func(i int) { ban(users[i]) },
		"removed and banned again": func(i int) { deletePath(owner, harness.BanPath(room.ID, users[i])); ban(users[i]) },
		"new ones":                 func() { ban(c.NewGuest("new")) },
	}}
}

// listOfInvites is a list of a room's invites.
func listOfInvites(c *harness.Client) *movingList {
	owner := c.NewGuest("ada")
	room := owner.CreatePrivateRoom()
	invite := func() (i models.Invite) {
		owner.Call("POST", harness.RoomPath(room.ID)+"/invites", models.NewInvite{}).ExpectStatus(201).Decode(&i)
		return i
	}
	var invites []models.Invite
	var ids []string
	for i := range listSize {
		invites = append(invites, invite())
		ids = append(ids, invites[i].Code)
	}
	return &movingList{by: owner, path: harness.RoomPath(room.ID) + "/invites?", want: ids, moves: map[string]any{
		"used":     func(i int) { c.NewGuest("new").Call("POST", invitePath(invites[i]), nil).ExpectStatus(200) },
		"new ones": func() { invite() },
		"revoked":  func() { deletePath(owner, harness.RoomPath(room.ID)+"/invites/"+invite().Code) },
	}}
}

// listOfSessions is a list of the user's sessions.
func listOfSessions(c *harness.Client) *movingList {
	me := c.NewAccount("ada")
	sessions := []*harness.Client{me}
	ids := []string{me.SessionID}
	for len(sessions) < listSize {
		s := me.LogIn()
		sessions, ids = append(sessions, s), append(ids, s.SessionID)
	}
	return &movingList{by: me, path: "/v1/sessions?", want: ids, moves: map[string]any{
		"refreshed": func(i int) {
			s := sessions[i]
			s.Call("POST", harness.RefreshPath, map[string]any{"refresh_token": s.RefreshToken}).ExpectStatus(200).
				Decode(&s.Session)
		},
		"new ones":   func() { me.LogIn() },
		"logged out": func() { deletePath(me.LogIn(), "/v1/sessions/current") },
	}}
}
