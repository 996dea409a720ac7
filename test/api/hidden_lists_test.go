package api

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestListsHideForeignRooms checks that lists, searches and counts show no room, message or file that the caller may
// not read.
func TestListsHideForeignRooms(t *testing.T) {
	harness.SkipIfShort(t)
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "a private room", Run: func(t *testing.T, c *harness.Client) { testHiddenRoom(t, c, models.RoomPrivate) }},
		{Name: "a public room", Run: func(t *testing.T, c *harness.Client) { testHiddenRoom(t, c, models.RoomPublic) }},
		{Name: "a direct room", Run: testHiddenDirectLists},
		{Name: "counts after joining again", Run: testHiddenCounts},
		{Name: "a block", Run: testHiddenBlock},
		{Name: "objects of other users are unchanged", Run: testOthersUnchanged},
	})
}

// testHiddenRoom requests every list, search and count that could show the room. Members see it there, and outsiders do
// not. A public room is found by its name, but not by banned users.
func testHiddenRoom(t *testing.T, c *harness.Client, kind models.RoomKind) {
	owner, member := c.NewGuest("ada"), c.NewGuest("grace")
	secret := strings.ToLower(harness.UniqueName("secret"))
	word := strings.ReplaceAll(secret, "-", "")
	room := owner.CreateRoom(models.NewRoom{Handle: &secret, Name: harness.Ptr("The " + secret), Subject: &secret,
		Kind: &kind})
	owner.AddMember(room.ID, member, models.RoleMember)
	out := outsidersOf(owner, room, owner.CreatePublicRoom())
	owner.SendText(room.ID, word)
	files := sendNamedPicture(owner, room.ID, secret)

	var own, byName []string // lists that show a room to its members, and lists that show a public room to all
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
		wantSecretListed(t, "a member", member, path, word, secret, true)
	}
	for _, path := range byName {
		wantSecretListed(t, "a member", member, path, word, secret, public)
	}
	expectOnlySentFileFound(member, files)
	for name, user := range out {
		if public && !strings.Contains(name, "banned") { // this user may read the messages
			expectOnlySentFileFound(user, files)
		} else {
			expectFilesHidden(user, files)
		}
		for _, path := range own {
			wantSecretListed(t, name, user, path, word, secret, false)
		}
		for _, path := range byName {
			wantSecretListed(t, name, user, path, word, secret, public && !strings.Contains(name, "banned"))
		}
		expectRoomNotListed(user, room)
	}
}

// sendNamedPicture sends a picture of that name into the room, and uploads another one without sending it. The room's
// readers may read the first alone.
func sendNamedPicture(c *harness.Client, roomID int64, name string) (files [2]models.File) {
	c.T.Helper()
	for i := range files {
		files[i] = c.UploadFile(roomID, name+".png", "image/png", harness.OnePixelPNG())
	}
	c.Call("POST", harness.RoomPath(roomID)+"/messages", models.NewMessage{FileIDs: []string{files[0].ID}}).
		ExpectStatus(201)
	return files
}

// expectOnlySentFileFound checks that the client, a reader of the room, can read the sent file and not the unsent one.
func expectOnlySentFileFound(c *harness.Client, files [2]models.File) {
	c.T.Helper()
	for _, path := range filePaths(files[0]) {
		c.Call("GET", path, nil).ExpectStatus(200)
	}
	for _, path := range filePaths(files[1]) {
		c.Call("GET", path, nil).ExpectProblem(404, models.CodeNotFound)
	}
}

// expectFilesHidden checks that the client gets the same responses for both files as for files that do not exist.
func expectFilesHidden(c *harness.Client, files [2]models.File) {
	c.T.Helper()
	for _, f := range files {
		for i, path := range filePaths(f) {
			unknown := c.Call("GET", filePaths(models.File{ID: "f_" + rand.Text()})[i], nil)
			if a := c.Call("GET", path, nil); visibleParts(a) != visibleParts(unknown) {
				c.T.Errorf("%s: got %v, but %v for a file that does not exist", c.User.Username, a, unknown)
			}
		}
	}
}

// filePaths returns the paths from which a picture can be read.
func filePaths(f models.File) []string {
	path := "/v1/files/" + f.ID
	return []string{path, path + "/content", path + "/thumbnail"}
}

// wantSecretListed checks whether the list at path has one of the two secrets.
func wantSecretListed(t *testing.T, name string, c *harness.Client, path, word, secret string, wanted bool) {
	t.Helper()
	a := c.Call("GET", path, nil).ExpectStatus(200)
	if got := strings.Contains(string(a.Body), word) || strings.Contains(string(a.Body), secret); got != wanted {
		t.Errorf("%s: got a mention = %t, want %t: %v", name, got, wanted, a)
	}
}

// expectRoomNotListed checks that the client's list of rooms does not have this one on any page.
func expectRoomNotListed(c *harness.Client, room models.Room) {
	c.T.Helper()
	for _, page := range harness.AllPages[models.Room](c, "/v1/rooms?limit=1") {
		for _, r := range page {
			if r.ID == room.ID {
				c.T.Errorf("the list of %s has %+v", c.User.Username, r)
			}
		}
	}
}

// testHiddenDirectLists checks that only its two members find a direct room and its messages.
func testHiddenDirectLists(t *testing.T, c *harness.Client) {
	me, other, stranger := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	word := strings.ReplaceAll(harness.UniqueName("secret"), "-", "")
	var m models.Message
	me.Call("POST", "/v1/messages", models.TargetedMessage{
		Target: "@" + other.User.Username, NewMessage: models.NewMessage{Text: word},
	}).ExpectStatus(201).Decode(&m)
	wantFound(t, "the other member", searchEverywhere(other, word), word)
	wantFound(t, "a stranger", searchEverywhere(stranger, word))
	expectRoomNotListed(stranger, models.Room{ID: m.RoomID})
	files := sendNamedPicture(me, m.RoomID, word)
	expectOnlySentFileFound(other, files)
	expectFilesHidden(stranger, files)
	if got := other.GetRoom(m.RoomID); got.MessageCount != 2 || got.Membership.UnreadCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testHiddenCounts checks that messages from the time before a user joined again count in the room, but not as unread.
func testHiddenCounts(t *testing.T, c *harness.Client) {
	owner, user := c.NewGuest("ada"), c.NewGuest("grace")
	room := owner.CreatePrivateRoom(user)
	owner.SendText(room.ID, "unread")
	owner.Call("DELETE", harness.MemberPath(room.ID, user), nil).ExpectStatus(204)
	if got := harness.Get[models.Page[models.Room]](user, "/v1/rooms?unread=true").Items; len(got) != 0 {
		t.Errorf("a removed member has unread messages in %+v", got)
	}
	owner.SendText(room.ID, "while they were out")
	owner.AddMember(room.ID, user, models.RoleMember)
	if got := user.GetRoom(room.ID); got.MessageCount != 2 || got.MemberCount != 2 || got.Membership.UnreadCount != 0 {
		t.Errorf("after joining again: got %+v with %+v", got, got.Membership)
	}
	owner.SendText(room.ID, "one more")
	got := harness.Get[models.Page[models.Room]](user, "/v1/rooms?unread=true").Items
	if len(got) != 1 || got[0].Membership.UnreadCount != 1 {
		t.Errorf("after one more message: got %+v", got)
	}
}

// testHiddenBlock checks that a blocked user finds the blocker like any other user does.
func testHiddenBlock(t *testing.T, c *harness.Client) {
	blocker, blocked, stranger := c.NewGuest("ada"), c.NewGuest("bad"), c.NewGuest("eve")
	blocker.Call("PUT", fmt.Sprintf("/v1/blocks/%d", blocked.User.ID), nil).ExpectStatus(200)
	for _, path := range []string{
		"/v1/users/@" + blocker.User.Username, "/v1/users?prefix=" + blocker.User.Username, "/v1/contacts", "/v1/blocks",
	} {
		seen, plain := blocked.Call("GET", path, nil).ExpectStatus(200), stranger.Call("GET", path, nil).ExpectStatus(200)
		if visibleParts(seen) != visibleParts(plain) {
			t.Errorf("the blocked user gets %v, others get %v", seen, plain)
		}
	}
}

// testOthersUnchanged checks that a change of the caller's own reaction, invite, membership or contact leaves those of
// other users unchanged.
func testOthersUnchanged(t *testing.T, c *harness.Client) {
	owner, member, foreign := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	room, other := owner.CreatePrivateRoom(member), foreign.CreatePrivateRoom()
	m := owner.SendText(room.ID, "words")

	for _, by := range []*harness.Client{owner, member} {
		by.Call("PUT", harness.MessagePath(m)+"/reactions/👍", nil).ExpectStatus(200)
	}
	owner.Call("DELETE", harness.MessagePath(m)+"/reactions/👍", nil).ExpectStatus(204)
	if got := harness.Get[models.Message](member, harness.MessagePath(m)).Reactions; len(got) != 1 || got[0].Count != 1 ||
		!*got[0].Me {
		t.Errorf("after the owner removed their reaction: got %+v", got)
	}

	// The owner of another room cannot revoke the invite.
	invite := invite(owner, room.ID, models.NewInvite{})
	foreign.Call("DELETE", harness.RoomPath(other.ID)+"/invites/"+invite.Code, nil).ExpectStatus(204)
	foreign.Call("POST", invitePath(invite), nil).ExpectStatus(200)

	before := *owner.GetRoom(room.ID).Membership
	member.Call("PATCH", harness.RoomPath(room.ID)+"/members/me", models.MembershipChange{Muted: harness.Ptr(true)}).
		ExpectStatus(200)
	member.Call("PUT", harness.RoomPath(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200)
	if got := *owner.GetRoom(room.ID).Membership; got != before {
		t.Errorf("the owner's membership: got %+v, want %+v", got, before)
	}
	if got := member.GetRoom(room.ID).Membership; !got.Muted || got.LastReadID != m.ID {
		t.Errorf("the member's membership: got %+v", got)
	}
	for _, list := range []string{"/v1/contacts", "/v1/blocks"} {
		for _, by := range []*harness.Client{owner, member} {
			by.Call("PUT", fmt.Sprintf("%s/%d", list, foreign.User.ID), nil).ExpectStatus(200)
		}
		owner.Call("DELETE", fmt.Sprintf("%s/%d", list, foreign.User.ID), nil).ExpectStatus(204)
		if got := harness.Get[models.Page[models.Contact]](member, list).Items; len(got) != 1 {
			t.Errorf("%s of the member: got %+v", list, got)
		}
	}
}
