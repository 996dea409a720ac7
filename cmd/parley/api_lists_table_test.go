package main

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/parley-chat/parley/models"
)

// movingLists are all lists of the contract, each with whatever may move in it.
var movingLists = []listCase{
	{"GET /v1/rooms", func(c *client) *movingList { return listOfRooms(c, "") }},
	{"GET /v1/rooms, of a subject", func(c *client) *movingList { return listOfRooms(c, "subject=tea&") }},
	{"GET /v1/rooms, since", func(c *client) *movingList { return listOfRooms(c, "since=2020-01-01T00:00:00Z&") }},
	{"GET /v1/rooms, unread", listOfUnread},
	{"GET /v1/rooms/search, by handle", func(c *client) *movingList { return listOfFoundRooms(c, true) }},
	{"GET /v1/rooms/search, by name", func(c *client) *movingList { return listOfFoundRooms(c, false) }},
	{"GET /v1/users", listOfUsers},
	{"GET /v1/rooms/{room}/members", func(c *client) *movingList { return listOfMembers(c, "") }},
	{"GET /v1/rooms/{room}/members, present", func(c *client) *movingList { return listOfMembers(c, "present=true&") }},
	{"GET /v1/contacts", func(c *client) *movingList { return listOfPeople(c, "/v1/contacts?", contactPath) }},
	{"GET /v1/blocks", func(c *client) *movingList { return listOfPeople(c, "/v1/blocks?", blockPath) }},
	{"GET /v1/rooms/{room}/bans", listOfBans},
	{"GET /v1/rooms/{room}/invites", listOfInvites},
	{"GET /v1/sessions", listOfSessions},
	{"GET /v1/rooms/{room}/pins", listOfPins},
	{"GET /v1/rooms/{room}/messages", func(c *client) *movingList { return listOfMessages(c, "?") }},
	{"GET /v1/rooms/{room}/messages, after", func(c *client) *movingList { return listOfMessages(c, "?after=1&") }},
	{"GET /v1/rooms/{room}/messages, before", func(c *client) *movingList { return listOfMessages(c, "?before=8&") }},
	{"GET /v1/rooms/{room}/messages, since", func(c *client) *movingList { return listOfMessages(c, "?since=2020-01-01T00:00:00Z&") }},
	{"GET /v1/rooms/{room}/messages, until", func(c *client) *movingList { return listOfMessages(c, "?until=2100-01-01T00:00:00Z&") }},
	{"GET /v1/rooms/{room}/messages/search, words", func(c *client) *movingList { return listOfMessages(c, "/search?q=tea&") }},
	{"GET /v1/rooms/{room}/messages/search, start", func(c *client) *movingList { return listOfMessages(c, "/search?prefix=tea&") }},
	{"GET /v1/search", listOfFoundAnywhere},
	{"GET /v1/events", listOfEvents},
}

// crowd are as many users as a list has items.
func (c *client) crowd() (users []*client, ids []string) {
	c.t.Helper()
	for range listSize {
		u := c.newcomer("user")
		users, ids = append(users, u), append(ids, listed(u.User.ID))
	}
	return users, ids
}

// ownRooms are as many rooms of the client's as a list has items.
func (c *client) ownRooms(n models.NewRoom) (rooms []models.Room, ids []string) {
	c.t.Helper()
	for range listSize {
		n.Handle = ptr(unique("room"))
		rooms = append(rooms, c.room(n))
		ids = append(ids, listed(rooms[len(rooms)-1].ID))
	}
	return rooms, ids
}

func (c *client) rename(roomID int64, change models.RoomChange) {
	c.t.Helper()
	c.call("PATCH", roomPath(roomID), change).status(200)
}

func (c *client) remove(path string) {
	c.t.Helper()
	c.call("DELETE", path, nil).status(204)
}

func listOfRooms(c *client, query string) *movingList {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	rooms, ids := me.ownRooms(models.NewRoom{Subject: ptr("tea")})
	for i, r := range rooms {
		other.join(r.ID)
		if i%2 == 0 {
			me.say(r.ID, "first")
		}
	}
	return &movingList{by: me, path: "/v1/rooms?" + query, want: ids, moves: map[string]any{
		"messages":       func(i int) { other.say(rooms[i].ID, "more") },
		"many messages":  func() { other.say(rooms[1].ID, "more"); other.say(rooms[4].ID, "more"); other.say(rooms[1].ID, "more") },
		"cleared":        func(i int) { me.say(rooms[i].ID, "more"); me.remove(roomPath(rooms[i].ID) + "/messages") },
		"renamed":        func(i int) { me.rename(rooms[i].ID, models.RoomChange{Name: ptr(unique("name"))}) },
		"deleted":        func(i int) { me.remove(messagePath(other.say(rooms[i].ID, "gone"))) },
		"members":        func(i int) { c.newcomer("new").join(rooms[i].ID) },
		"read and muted": func(i int) { muteAndRead(me, rooms[i], other.say(rooms[i].ID, "more")) },
		"new rooms":      func() { me.say(me.room(models.NewRoom{Name: ptr("new"), Subject: ptr("tea")}).ID, "first") },
		"left and joined again": func() {
			r := other.room(models.NewRoom{Handle: ptr(unique("room")), Subject: ptr("tea")})
			me.join(r.ID)
			other.say(r.ID, "more")
			me.remove(roomPath(r.ID) + "/members/me")
			me.join(r.ID)
		},
		"a room deleted": func() { me.remove(roomPath(me.room(models.NewRoom{Name: ptr("gone"), Subject: ptr("tea")}).ID)) },
	}}
}

func muteAndRead(me *client, room models.Room, m models.Message) {
	me.call("PATCH", roomPath(room.ID)+"/members/me", models.MembershipChange{Muted: ptr(true)}).status(200)
	me.call("PUT", roomPath(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).status(200)
}

func listOfUnread(c *client) *movingList {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	rooms, ids := other.ownRooms(models.NewRoom{})
	for _, r := range rooms {
		me.join(r.ID)
		other.say(r.ID, "first")
	}
	return &movingList{by: me, path: "/v1/rooms?unread=true&", want: ids, moves: map[string]any{
		"messages": func(i int) { other.say(rooms[i].ID, "more") },
		"read, and unread again": func(i int) {
			muteAndRead(me, rooms[i], other.say(rooms[i].ID, "more"))
			other.say(rooms[i].ID, "again")
		},
		"other rooms": func() {
			r := other.publicRoom(me)
			other.say(r.ID, "more")
		},
	}}
}

func listOfFoundRooms(c *client, byHandle bool) *movingList {
	me := c.newcomer("ada")
	start := unique("found")
	rename := func(id int64, end string) {
		if byHandle {
			me.rename(id, models.RoomChange{Handle: ptr(start + "-" + end)})
		} else {
			me.rename(id, models.RoomChange{Name: ptr(start + " " + end)})
		}
	}
	found := func(end string) models.Room {
		if byHandle {
			return me.room(models.NewRoom{Handle: ptr(start + "-" + end)})
		}
		return me.room(models.NewRoom{Name: ptr(start + " " + end)})
	}
	var rooms []models.Room
	var ids []string
	for i := range listSize {
		rooms = append(rooms, found(fmt.Sprintf("m%d", i)))
		ids = append(ids, listed(rooms[i].ID))
	}
	return &movingList{by: me, path: "/v1/rooms/search?prefix=" + url.QueryEscape(start) + "&", want: ids, moves: map[string]any{
		"renamed to the front":  func(i int) { rename(rooms[i].ID, unique("a")) },
		"renamed to the back":   func(i int) { rename(rooms[i].ID, unique("z")) },
		"renamed to and fro":    func(i int) { rename(rooms[i].ID, unique("a")); rename(rooms[i].ID, unique("z")) },
		"names taken by others": func(i int) { rename(rooms[i].ID, unique("z")); found(fmt.Sprintf("m%d-%s", i, unique("n"))) },
		"found by the other name": func(i int) {
			if byHandle {
				me.rename(rooms[i].ID, models.RoomChange{Name: ptr(start + " name")})
				me.rename(rooms[i].ID, models.RoomChange{Handle: ptr(unique("other"))})
			} else {
				me.rename(rooms[i].ID, models.RoomChange{Handle: ptr(start + unique("-h"))})
			}
		},
		"new and gone": func() { found(unique("a")); found(unique("z")); me.remove(roomPath(found(unique("n")).ID)) },
	}}
}

func listOfUsers(c *client) *movingList {
	start := "u" + strings.ToLower(unique("x")[2:])
	var users []*client
	var ids []string
	for i := range listSize {
		users = append(users, c.guest(fmt.Sprintf("%s-m%d", start, i)))
		ids = append(ids, listed(users[i].User.ID))
	}
	signUp := func(i int, end string) { // a guest becomes an account, once
		if users[i].User.Guest {
			name := start + "-" + end
			users[i].call("POST", "/v1/users", models.NewUser{Username: name, Password: password}).status(201).into(&users[i].Session)
		}
	}
	return &movingList{by: users[0], path: "/v1/users?prefix=" + start + "&", want: ids, moves: map[string]any{
		"renamed to the front": func(i int) { signUp(i, fmt.Sprint("a", i)) },
		"renamed to the back":  func(i int) { signUp(i, fmt.Sprint("z", i)) },
		"shown names": func(i int) {
			users[i].call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: ptr(unique("shown"))}).status(200)
		},
		"new and gone": func() {
			c.guest(start + unique("a")[:9])
			c.guest(start + unique("z")[:9]).remove("/v1/users/me")
		},
	}}
}

func listOfMembers(c *client, query string) *movingList {
	owner := c.newcomer("ada")
	room := owner.publicRoom()
	users, ids := c.crowd()
	streams := make([]*stream, listSize)
	for i, u := range users {
		u.join(room.ID)
		if query != "" {
			streams[i] = u.open(fmt.Sprintf("room=%d", room.ID))
		}
	}
	moves := map[string]any{
		"roles":      func(i int) { owner.add(room.ID, users[i], models.RoleModerator) },
		"new ones":   func() { c.newcomer("new").join(room.ID) },
		"shown name": func(i int) { renameShown(users[i]) },
		"messages":   func(i int) { users[i].say(room.ID, "more") },
	}
	if query == "" {
		moves["left and joined again"] = func(i int) {
			users[i].remove(roomPath(room.ID) + "/members/me")
			users[i].join(room.ID)
		}
	} else {
		moves["gone and come"] = func(i int) {
			users[i].remove(presencePath(room.ID, streams[i]))
			users[i].call("PUT", presencePath(room.ID, streams[i]), nil).status(204)
		}
	}
	return &movingList{by: owner, path: roomPath(room.ID) + "/members?" + query, want: ids, moves: moves}
}

func renameShown(u *client) {
	u.call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: ptr(unique("shown"))}).status(200)
}

// listOfPeople are contacts or blocks.
func listOfPeople(c *client, path string, entry func(*client) string) *movingList {
	me := c.newcomer("ada")
	users, ids := c.crowd()
	put := func(u *client) { me.call("PUT", entry(u), nil).status(200) }
	for _, u := range users {
		put(u)
	}
	return &movingList{by: me, path: path, want: ids, moves: map[string]any{
		"removed and put again": func(i int) { me.remove(entry(users[i])); put(users[i]) },
		"new ones":              func() { put(c.newcomer("new")) },
		"shown name":            func(i int) { renameShown(users[i]) },
		"deleted accounts": func() {
			u := c.newcomer("gone")
			put(u)
			u.remove("/v1/users/me")
		},
	}}
}

func listOfBans(c *client) *movingList {
	owner := c.newcomer("ada")
	room := owner.publicRoom()
	users, ids := c.crowd()
	ban := func(u *client) {
		owner.call("PUT", banPath(room.ID, u), models.NewBan{Reason: ptr(unique("why"))}).status(200)
	}
	for _, u := range users {
		ban(u)
	}
	return &movingList{by: owner, path: roomPath(room.ID) + "/bans?", want: ids, moves: map[string]any{
		"banned anew":          func(i int) { ban(users[i]) },
		"lifted and put again": func(i int) { owner.remove(banPath(room.ID, users[i])); ban(users[i]) },
		"new ones":             func() { ban(c.newcomer("new")) },
	}}
}

func listOfInvites(c *client) *movingList {
	owner := c.newcomer("ada")
	room := owner.privateRoom()
	invite := func() (i models.Invite) {
		owner.call("POST", roomPath(room.ID)+"/invites", models.NewInvite{}).status(201).into(&i)
		return i
	}
	var invites []models.Invite
	var ids []string
	for i := range listSize {
		invites = append(invites, invite())
		ids = append(ids, invites[i].Code)
	}
	return &movingList{by: owner, path: roomPath(room.ID) + "/invites?", want: ids, moves: map[string]any{
		"used":     func(i int) { c.newcomer("new").call("POST", invitePath(invites[i]), nil).status(200) },
		"new ones": func() { invite() },
		"revoked":  func() { owner.remove(roomPath(room.ID) + "/invites/" + invite().Code) },
	}}
}

func listOfSessions(c *client) *movingList {
	me := c.account("ada")
	sessions := []*client{me}
	ids := []string{me.SessionID}
	for len(sessions) < listSize {
		s := me.logIn()
		sessions, ids = append(sessions, s), append(ids, s.SessionID)
	}
	return &movingList{by: me, path: "/v1/sessions?", want: ids, moves: map[string]any{
		"refreshed": func(i int) {
			s := sessions[i]
			s.call("POST", refreshPath, map[string]any{"refresh_token": s.RefreshToken}).status(200).into(&s.Session)
		},
		"new ones":   func() { me.logIn() },
		"logged out": func() { me.logIn().remove("/v1/sessions/current") },
	}}
}
