package main

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestHiddenFromLists(t *testing.T) {
	long(t)
	play(t, []scenario{
		{"a private room", func(t *testing.T, c *client) { testHiddenRoom(t, c, models.RoomPrivate) }},
		{"a public room", func(t *testing.T, c *client) { testHiddenRoom(t, c, models.RoomPublic) }},
		{"a direct room", testHiddenDirectLists},
		{"counts of who comes back", testHiddenCounts},
		{"who has blocked whom", testHiddenBlock},
		{"what is somebody else's stays", testOthersStay},
	})
}

// testHiddenRoom asks whatever lists, searches and counts, in every way that would lead to the room. What its members are
// told there, those who are not in it are not; a public room is found by its name, though not by who is banned from it.
func testHiddenRoom(t *testing.T, c *client, kind models.RoomKind) {
	owner, member := c.newcomer("ada"), c.newcomer("grace")
	secret := strings.ToLower(unique("secret"))
	word := strings.ReplaceAll(secret, "-", "")
	room := owner.room(models.NewRoom{Handle: &secret, Name: ptr("The " + secret), Subject: &secret, Kind: &kind})
	owner.add(room.ID, member, models.RoleMember)
	out := outsidersOf(owner, room, owner.publicRoom())
	owner.say(room.ID, word)
	files := owner.shows(room.ID, secret)

	var own, byName []string // the lists that members find it in, and those that anybody finds a public room in
	for _, query := range []string{
		"", "subject=" + secret, "since=2020-01-01T00:00:00Z", "unread=true", "subject=" + secret + "&unread=true",
	} {
		own = append(own, "/v1/rooms?"+query)
	}
	own = append(own, "/v1/search?q="+word)
	for _, query := range []string{"prefix=" + secret, "prefix=" + url.QueryEscape("The "+secret), "subject=" + secret} {
		byName = append(byName, "/v1/rooms/search?"+query)
	}
	public := kind == models.RoomPublic
	for _, path := range own {
		wantMention(t, "a member", member, path, word, secret, true)
	}
	for _, path := range byName {
		wantMention(t, "a member", member, path, word, secret, public)
	}
	member.hasTheShown(files)
	for name, who := range out {
		if public && !strings.Contains(name, "banned") { // who may read its messages
			who.hasTheShown(files)
		} else {
			who.hasNoneOf(files)
		}
		for _, path := range own {
			wantMention(t, name, who, path, word, secret, false)
		}
		for _, path := range byName {
			wantMention(t, name, who, path, word, secret, public && !strings.Contains(name, "banned"))
		}
		who.hasNone(room)
	}
}

// shows sends a picture of that name into the room, and uploads another that no message has: the first is its readers'.
func (c *client) shows(roomID int64, name string) (files [2]models.File) {
	c.t.Helper()
	for i := range files {
		files[i] = c.upload(roomID, name+".png", "image/png", dot())
	}
	c.call("POST", roomPath(roomID)+"/messages", models.NewMessage{FileIDs: []string{files[0].ID}}).status(201)
	return files
}

// hasTheShown wants the client, another reader, to have the file that was shown, and not the other one.
func (c *client) hasTheShown(files [2]models.File) {
	c.t.Helper()
	for _, path := range filePaths(files[0]) {
		c.call("GET", path, nil).status(200)
	}
	for _, path := range filePaths(files[1]) {
		c.call("GET", path, nil).problem(404, models.CodeNotFound)
	}
}

// hasNoneOf wants the client to have neither, as if there were no such files.
func (c *client) hasNoneOf(files [2]models.File) {
	c.t.Helper()
	for _, f := range files {
		for i, path := range filePaths(f) {
			unknown := c.call("GET", filePaths(models.File{ID: "f_" + rand.Text()})[i], nil)
			if a := c.call("GET", path, nil); a.tells() != unknown.tells() {
				c.t.Errorf("%s has %v, where what there is not is %v", c.User.Username, a, unknown)
			}
		}
	}
}

// filePaths are where a picture is read.
func filePaths(f models.File) []string {
	path := "/v1/files/" + f.ID
	return []string{path, path + "/content", path + "/thumbnail"}
}

// wantMention wants the list at path to name either secret, or not.
func wantMention(t *testing.T, name string, c *client, path, word, secret string, wanted bool) {
	t.Helper()
	a := c.call("GET", path, nil).status(200)
	if got := strings.Contains(string(a.body), word) || strings.Contains(string(a.body), secret); got != wanted {
		t.Errorf("%s: wanted a mention: %v: %v", name, wanted, a)
	}
}

// hasNone wants the client's rooms, over all pages, not to have this one.
func (c *client) hasNone(room models.Room) {
	c.t.Helper()
	for _, page := range walk[models.Room](c, "/v1/rooms?limit=1") {
		for _, r := range page {
			if r.ID == room.ID {
				c.t.Errorf("%s has %+v", c.User.Username, r)
			}
		}
	}
}

// testHiddenDirectLists: nobody but its two finds a direct room, or what was said there.
func testHiddenDirectLists(t *testing.T, c *client) {
	me, other, stranger := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("eve")
	word := strings.ReplaceAll(unique("secret"), "-", "")
	var m models.Message
	me.call("POST", "/v1/messages", models.TargetedMessage{
		Target: "@" + other.User.Username, NewMessage: models.NewMessage{Text: word},
	}).status(201).into(&m)
	wantFound(t, "the other one", other.anywhere(word), word)
	wantFound(t, "a stranger", stranger.anywhere(word))
	stranger.hasNone(models.Room{ID: m.RoomID})
	files := me.shows(m.RoomID, word)
	other.hasTheShown(files)
	stranger.hasNoneOf(files)
	if got := other.look(m.RoomID); got.MessageCount != 2 || got.Membership.UnreadCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testHiddenCounts: what was said while one was out is counted in the room, and not as unread by who comes back.
func testHiddenCounts(t *testing.T, c *client) {
	owner, user := c.newcomer("ada"), c.newcomer("grace")
	room := owner.privateRoom(user)
	owner.say(room.ID, "unread")
	owner.call("DELETE", memberPath(room.ID, user), nil).status(204)
	if got := get[models.Page[models.Room]](user, "/v1/rooms?unread=true").Items; len(got) != 0 {
		t.Errorf("one who was removed has unread messages in %+v", got)
	}
	owner.say(room.ID, "while they were out")
	owner.add(room.ID, user, models.RoleMember)
	if got := user.look(room.ID); got.MessageCount != 2 || got.MemberCount != 2 || got.Membership.UnreadCount != 0 {
		t.Errorf("who comes back finds %+v with %+v", got, got.Membership)
	}
	owner.say(room.ID, "and on")
	got := get[models.Page[models.Room]](user, "/v1/rooms?unread=true").Items
	if len(got) != 1 || got[0].Membership.UnreadCount != 1 {
		t.Errorf("after one more: %+v", got)
	}
}

// testHiddenBlock: whoever is blocked finds the one who blocks them as anybody does.
func testHiddenBlock(t *testing.T, c *client) {
	blocker, blocked, stranger := c.newcomer("ada"), c.newcomer("bad"), c.newcomer("eve")
	blocker.call("PUT", fmt.Sprintf("/v1/blocks/%d", blocked.User.ID), nil).status(200)
	for _, path := range []string{
		"/v1/users/@" + blocker.User.Username, "/v1/users?prefix=" + blocker.User.Username, "/v1/contacts", "/v1/blocks",
	} {
		seen, plain := blocked.call("GET", path, nil).status(200), stranger.call("GET", path, nil).status(200)
		if seen.tells() != plain.tells() {
			t.Errorf("who is blocked sees %v, others %v", seen, plain)
		}
	}
}

// testOthersStay: a path that names somebody's own is about the caller's alone, whoever else has the like.
func testOthersStay(t *testing.T, c *client) {
	owner, member, foreign := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("eve")
	room, other := owner.privateRoom(member), foreign.privateRoom()
	m := owner.say(room.ID, "words")

	for _, by := range []*client{owner, member} {
		by.call("PUT", messagePath(m)+"/reactions/👍", nil).status(200)
	}
	owner.call("DELETE", messagePath(m)+"/reactions/👍", nil).status(204)
	if got := get[models.Message](member, messagePath(m)).Reactions; len(got) != 1 || got[0].Count != 1 || !*got[0].Me {
		t.Errorf("the owner took back their reaction, which leaves %+v", got)
	}

	// An invite into one room is no business of who owns another.
	invite := owner.invite(room.ID, models.NewInvite{})
	foreign.call("DELETE", roomPath(other.ID)+"/invites/"+invite.Code, nil).status(204)
	foreign.call("POST", invitePath(invite), nil).status(200)

	before := *owner.look(room.ID).Membership
	member.call("PATCH", roomPath(room.ID)+"/members/me", models.MembershipChange{Muted: ptr(true)}).status(200)
	member.call("PUT", roomPath(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).status(200)
	if got := *owner.look(room.ID).Membership; got != before {
		t.Errorf("the owner's membership was %+v and is %+v", before, got)
	}
	if got := member.look(room.ID).Membership; !got.Muted || got.LastReadID != m.ID {
		t.Errorf("the member's is %+v", got)
	}
	for _, list := range []string{"/v1/contacts", "/v1/blocks"} {
		for _, by := range []*client{owner, member} {
			by.call("PUT", fmt.Sprintf("%s/%d", list, foreign.User.ID), nil).status(200)
		}
		owner.call("DELETE", fmt.Sprintf("%s/%d", list, foreign.User.ID), nil).status(204)
		if got := get[models.Page[models.Contact]](member, list).Items; len(got) != 1 {
			t.Errorf("%s of the member holds %+v", list, got)
		}
	}
}
