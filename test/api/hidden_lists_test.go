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

func TestHiddenFromLists(t *testing.T) {
	harness.Long(t)
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "a private room", Play: func(t *testing.T, c *harness.Client) { testHiddenRoom(t, c, models.RoomPrivate) }},
		{Name: "a public room", Play: func(t *testing.T, c *harness.Client) { testHiddenRoom(t, c, models.RoomPublic) }},
		{Name: "a direct room", Play: testHiddenDirectLists},
		{Name: "counts of who comes back", Play: testHiddenCounts},
		{Name: "who has blocked whom", Play: testHiddenBlock},
		{Name: "what is somebody else's stays", Play: testOthersStay},
	})
}

// testHiddenRoom asks whatever lists, searches and counts, in every way that would lead to the room. What its members are
// told there, those who are not in it are not; a public room is found by its name, though not by who is banned from it.
func testHiddenRoom(t *testing.T, c *harness.Client, kind models.RoomKind) {
	owner, member := c.NewGuest("ada"), c.NewGuest("grace")
	secret := strings.ToLower(harness.UniqueName("secret"))
	word := strings.ReplaceAll(secret, "-", "")
	room := owner.CreateRoom(models.NewRoom{Handle: &secret, Name: harness.Ptr("The " + secret), Subject: &secret, Kind: &kind})
	owner.AddMember(room.ID, member, models.RoleMember)
	out := outsidersOf(owner, room, owner.CreatePublicRoom())
	owner.SendText(room.ID, word)
	files := sendNamedPicture(owner, room.ID, secret)

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
	expectFound(member, files)
	for name, who := range out {
		if public && !strings.Contains(name, "banned") { // who may read its messages
			expectFound(who, files)
		} else {
			expectNoneOf(who, files)
		}
		for _, path := range own {
			wantMention(t, name, who, path, word, secret, false)
		}
		for _, path := range byName {
			wantMention(t, name, who, path, word, secret, public && !strings.Contains(name, "banned"))
		}
		expectNone(who, room)
	}
}

// sendNamedPicture sends a picture of that name into the room, and uploads another that no message has: the first is its readers'.
func sendNamedPicture(c *harness.Client, roomID int64, name string) (files [2]models.File) {
	c.T.Helper()
	for i := range files {
		files[i] = c.UploadFile(roomID, name+".png", "image/png", harness.PNGOfOnePixel())
	}
	c.Call("POST", harness.RoomPath(roomID)+"/messages", models.NewMessage{FileIDs: []string{files[0].ID}}).ExpectStatus(201)
	return files
}

// expectFound wants the client, another reader, to have the file that was shown, and not the other one.
func expectFound(c *harness.Client, files [2]models.File) {
	c.T.Helper()
	for _, path := range filePaths(files[0]) {
		c.Call("GET", path, nil).ExpectStatus(200)
	}
	for _, path := range filePaths(files[1]) {
		c.Call("GET", path, nil).ExpectProblem(404, models.CodeNotFound)
	}
}

// expectNoneOf wants the client to have neither, as if there were no such files.
func expectNoneOf(c *harness.Client, files [2]models.File) {
	c.T.Helper()
	for _, f := range files {
		for i, path := range filePaths(f) {
			unknown := c.Call("GET", filePaths(models.File{ID: "f_" + rand.Text()})[i], nil)
			if a := c.Call("GET", path, nil); visibleParts(a) != visibleParts(unknown) {
				c.T.Errorf("%s has %v, where what there is not is %v", c.User.Username, a, unknown)
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
func wantMention(t *testing.T, name string, c *harness.Client, path, word, secret string, wanted bool) {
	t.Helper()
	a := c.Call("GET", path, nil).ExpectStatus(200)
	if got := strings.Contains(string(a.Body), word) || strings.Contains(string(a.Body), secret); got != wanted {
		t.Errorf("%s: wanted a mention: %v: %v", name, wanted, a)
	}
}

// expectNone wants the client's rooms, over all pages, not to have this one.
func expectNone(c *harness.Client, room models.Room) {
	c.T.Helper()
	for _, page := range harness.AllPages[models.Room](c, "/v1/rooms?limit=1") {
		for _, r := range page {
			if r.ID == room.ID {
				c.T.Errorf("%s has %+v", c.User.Username, r)
			}
		}
	}
}

// testHiddenDirectLists: nobody but its two finds a direct room, or what was said there.
func testHiddenDirectLists(t *testing.T, c *harness.Client) {
	me, other, stranger := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	word := strings.ReplaceAll(harness.UniqueName("secret"), "-", "")
	var m models.Message
	me.Call("POST", "/v1/messages", models.TargetedMessage{
		Target: "@" + other.User.Username, NewMessage: models.NewMessage{Text: word},
	}).ExpectStatus(201).Decode(&m)
	wantFound(t, "the other one", searchEverywhere(other, word), word)
	wantFound(t, "a stranger", searchEverywhere(stranger, word))
	expectNone(stranger, models.Room{ID: m.RoomID})
	files := sendNamedPicture(me, m.RoomID, word)
	expectFound(other, files)
	expectNoneOf(stranger, files)
	if got := other.GetRoom(m.RoomID); got.MessageCount != 2 || got.Membership.UnreadCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testHiddenCounts: what was said while one was out is counted in the room, and not as unread by who comes back.
func testHiddenCounts(t *testing.T, c *harness.Client) {
	owner, user := c.NewGuest("ada"), c.NewGuest("grace")
	room := owner.CreatePrivateRoom(user)
	owner.SendText(room.ID, "unread")
	owner.Call("DELETE", harness.MemberPath(room.ID, user), nil).ExpectStatus(204)
	if got := harness.Get[models.Page[models.Room]](user, "/v1/rooms?unread=true").Items; len(got) != 0 {
		t.Errorf("one who was removed has unread messages in %+v", got)
	}
	owner.SendText(room.ID, "while they were out")
	owner.AddMember(room.ID, user, models.RoleMember)
	if got := user.GetRoom(room.ID); got.MessageCount != 2 || got.MemberCount != 2 || got.Membership.UnreadCount != 0 {
		t.Errorf("who comes back finds %+v with %+v", got, got.Membership)
	}
	owner.SendText(room.ID, "and on")
	got := harness.Get[models.Page[models.Room]](user, "/v1/rooms?unread=true").Items
	if len(got) != 1 || got[0].Membership.UnreadCount != 1 {
		t.Errorf("after one more: %+v", got)
	}
}

// testHiddenBlock: whoever is blocked finds the one who blocks them as anybody does.
func testHiddenBlock(t *testing.T, c *harness.Client) {
	blocker, blocked, stranger := c.NewGuest("ada"), c.NewGuest("bad"), c.NewGuest("eve")
	blocker.Call("PUT", fmt.Sprintf("/v1/blocks/%d", blocked.User.ID), nil).ExpectStatus(200)
	for _, path := range []string{
		"/v1/users/@" + blocker.User.Username, "/v1/users?prefix=" + blocker.User.Username, "/v1/contacts", "/v1/blocks",
	} {
		seen, plain := blocked.Call("GET", path, nil).ExpectStatus(200), stranger.Call("GET", path, nil).ExpectStatus(200)
		if visibleParts(seen) != visibleParts(plain) {
			t.Errorf("who is blocked sees %v, others %v", seen, plain)
		}
	}
}

// testOthersStay: a path that names somebody's own is about the caller's alone, whoever else has the like.
func testOthersStay(t *testing.T, c *harness.Client) {
	owner, member, foreign := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	room, other := owner.CreatePrivateRoom(member), foreign.CreatePrivateRoom()
	m := owner.SendText(room.ID, "words")

	for _, by := range []*harness.Client{owner, member} {
		by.Call("PUT", harness.MessagePath(m)+"/reactions/👍", nil).ExpectStatus(200)
	}
	owner.Call("DELETE", harness.MessagePath(m)+"/reactions/👍", nil).ExpectStatus(204)
	if got := harness.Get[models.Message](member, harness.MessagePath(m)).Reactions; len(got) != 1 || got[0].Count != 1 || !*got[0].Me {
		t.Errorf("the owner took back their reaction, which leaves %+v", got)
	}

	// An invite into one room is no business of who owns another.
	invite := invite(owner, room.ID, models.NewInvite{})
	foreign.Call("DELETE", harness.RoomPath(other.ID)+"/invites/"+invite.Code, nil).ExpectStatus(204)
	foreign.Call("POST", invitePath(invite), nil).ExpectStatus(200)

	before := *owner.GetRoom(room.ID).Membership
	member.Call("PATCH", harness.RoomPath(room.ID)+"/members/me", models.MembershipChange{Muted: harness.Ptr(true)}).ExpectStatus(200)
	member.Call("PUT", harness.RoomPath(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200)
	if got := *owner.GetRoom(room.ID).Membership; got != before {
		t.Errorf("the owner's membership was %+v and is %+v", before, got)
	}
	if got := member.GetRoom(room.ID).Membership; !got.Muted || got.LastReadID != m.ID {
		t.Errorf("the member's is %+v", got)
	}
	for _, list := range []string{"/v1/contacts", "/v1/blocks"} {
		for _, by := range []*harness.Client{owner, member} {
			by.Call("PUT", fmt.Sprintf("%s/%d", list, foreign.User.ID), nil).ExpectStatus(200)
		}
		owner.Call("DELETE", fmt.Sprintf("%s/%d", list, foreign.User.ID), nil).ExpectStatus(204)
		if got := harness.Get[models.Page[models.Contact]](member, list).Items; len(got) != 1 {
			t.Errorf("%s of the member holds %+v", list, got)
		}
	}
}
