package api

import (
	"encoding/base64"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// blockedPair is two users with a direct room and a public room in common. The second has reacted in the direct room.
// The tests let the first block the second.
type blockedPair struct {
	blocker, blocked *harness.Client
	direct, shared   models.Room
	said             models.Message // by the blocker, in the direct room
	written          models.Message // by the blocked user, in the direct room
	public           models.Message // by the blocker, in the shared room
}

// newBlockedPair creates the users, the rooms and their messages. There is no block yet.
func newBlockedPair(t *testing.T, address string) blockedPair {
	t.Helper()
	a := blockedPair{blocker: harness.NewClient(t, address).NewGuestNamed("blocker")}
	a.blocked = a.blocker.NewGuestNamed("blocked")
	a.direct, a.shared = a.blocker.OpenDirectRoom(a.blocked), a.blocker.CreatePublicRoom(a.blocked)
	a.said, a.written = a.blocker.SendText(a.direct.ID, "hello"), a.blocked.SendText(a.direct.ID, "hi")
	a.public = a.blocker.SendText(a.shared.ID, "good morning")
	react(a.blocked, "PUT", a.said, "👍").ExpectStatus(200)
	return a
}

// react adds or removes a reaction, with PUT or DELETE.
func react(c *harness.Client, method string, m models.Message, emoji string) *harness.Response {
	c.T.Helper()
	return c.Call(method, fmt.Sprintf("%s/messages/%d/reactions/%s", harness.RoomPath(m.RoomID), m.ID,
		url.PathEscape(emoji)), nil)
}

// TestBlockRefusesInteractionBothWays tries each way to reach the other user, from both sides of a block, and some of
// them again after the block is removed.
func TestBlockRefusesInteractionBothWays(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		a := newBlockedPair(t, harness.StartServer(t, database).URL)
		a.blocker.Call("PUT", harness.BlockPath(a.blocked), nil).ExpectStatus(200)
		streams := map[*harness.Client]*harness.Stream{a.blocker: a.blocker.OpenStream(""),
			a.blocked: a.blocked.OpenStream("")}
		files := harness.RoomPath(a.direct.ID) + "/files"
		for me, you := range map[*harness.Client]*harness.Client{a.blocker: a.blocked, a.blocked: a.blocker} {
			mine, yours := a.said, a.written
			if me == a.blocked {
				mine, yours = yours, mine
			}
			body, form := harness.NamedForm(t, "x.txt")
			for what, refused := range map[string]*harness.Response{
				"a reaction": react(me, "PUT", yours, "🖕"), "a reaction to one's own message": react(me, "PUT", mine, "🖕"),
				"a removed reaction": react(me, "DELETE", a.said, "👍"),
				"an edit": me.Call("PATCH", fmt.Sprintf("%s/messages/%d", harness.RoomPath(a.direct.ID), mine.ID),
					models.MessageEdit{Text: "worse"}),
				"typing":    me.Call("POST", harness.RoomPath(a.direct.ID)+"/typing", nil),
				"a file":    me.Call("POST", files+"?name=x.txt", []byte("raw"), "Content-Type", "text/plain"),
				"a form":    me.Call("POST", files, body, "Content-Type", form),
				"an upload": beginUpload(me, a.direct.ID),
				"a contact": me.Call("PUT", harness.ContactPath(you), nil),
			} {
				t.Log(what)
				refused.ExpectProblem(403, models.CodeBlocked)
			}
			me.Call("PUT", harness.RoomPath(a.direct.ID)+"/read", models.ReadMark{MessageID: a.written.ID}).ExpectStatus(200)
			if m := me.GetRoom(a.direct.ID).Membership; m.LastReadID != a.written.ID {
				t.Errorf("%s: got %d as the last message read", me.User.Username, m.LastReadID)
			}
		}
		react(a.blocked, "PUT", a.public, "🖕").ExpectProblem(403, models.CodeBlocked)
		a.blocker.Call("DELETE", fmt.Sprintf("%s/messages/%d", harness.RoomPath(a.direct.ID), a.said.ID), nil).
			ExpectStatus(204)
		for c, s := range streams {
			read := models.ReadEvent{}
			s.Expect(models.EventMessageRead, &read)
			if read.UserID != c.User.ID {
				t.Errorf("%s got the read mark of user %d", c.User.Username, read.UserID)
			}
			s.Expect(models.EventMessageDeleted, nil) // the stream has only these two events
		}
		a.blocker.Call("DELETE", harness.BlockPath(a.blocked), nil).ExpectStatus(204)
		react(a.blocker, "PUT", a.written, "👍").ExpectStatus(200)
		react(a.blocked, "PUT", a.public, "👍").ExpectStatus(200)
		beginUpload(a.blocked, a.direct.ID).ExpectStatus(201)
	})
}

// beginUpload creates a tus upload.
func beginUpload(c *harness.Client, roomID int64) *harness.Response {
	c.T.Helper()
	encoded := base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(roomID)))
	return c.Call("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "3", "Upload-Metadata",
		"room_id "+encoded)
}

// TestBlockHidesPresenceBothWays checks that neither side of a block sees the presence of the other, in events or in
// responses.
func TestBlockHidesPresenceBothWays(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		a := newBlockedPair(t, harness.StartServer(t, database).URL)
		witness := a.blocker.NewGuestNamed("witness")
		witness.JoinRoom(a.shared.ID)
		a.blocked.Call("PUT", harness.ContactPath(a.blocker), nil).ExpectStatus(200)
		a.blocker.Call("PUT", harness.BlockPath(a.blocked), nil).ExpectStatus(200)
		inRoom := fmt.Sprintf("room=%d", a.shared.ID)
		witnessStream := witness.OpenStream(inRoom)
		witnessStream.Expect(models.EventPresenceEntered, nil)
		streams := map[*harness.Client]*harness.Stream{}
		for _, c := range []*harness.Client{a.blocker, a.blocked} {
			streams[c] = c.OpenStream(inRoom)
			entered, online := false, false
			for !entered || !online { // the witness sees both
				e := witnessStream.Next()
				entered = entered || e.Name == string(models.EventPresenceEntered)
				online = online || e.Name == string(models.EventUserOnline)
			}
		}
		for _, c := range []*harness.Client{a.blocker, a.blocked} {
			c.Call("POST", harness.RoomPath(a.shared.ID)+"/typing", nil).ExpectStatus(204)
		}
		witness.SendText(a.shared.ID, "the last message")
		for c, s := range streams {
			other := map[*harness.Client]*harness.Client{a.blocker: a.blocked, a.blocked: a.blocker}[c]
			for e := s.Next(); e.Name != string(models.EventMessageCreated); e = s.Next() {
				if strings.Contains(e.Data, other.User.Username) {
					t.Errorf("%s got an event about the other user: %v", c.User.Username, e)
				}
			}
		}
		for me, you := range map[*harness.Client]*harness.Client{a.blocker: a.blocked, a.blocked: a.blocker} {
			expectPresenceHidden(me, you, a.shared.ID)
		}
		if u := harness.Get[models.User](witness, fmt.Sprint("/v1/users/", a.blocked.User.ID)); !u.Online {
			t.Errorf("the witness sees %+v, want the user online", u)
		}
		a.blocked.Call("DELETE", harness.ContactPath(a.blocker), nil).ExpectStatus(204)
		streams[a.blocked].Expect(models.EventContactRemoved, nil)
		a.blocker.Call("DELETE", harness.BlockPath(a.blocked), nil).ExpectStatus(204)
		a.blocked.Call("POST", harness.RoomPath(a.shared.ID)+"/typing", nil).ExpectStatus(204)
		streams[a.blocker].Expect(models.EventTyping, nil) // there is no event about the contact
	})
}

// expectPresenceHidden checks every response that shows the other user: it must not show them as online or present.
func expectPresenceHidden(c, other *harness.Client, roomID int64) {
	c.T.Helper()
	isOther := func(m models.Member) bool { return m.User.ID == other.User.ID }
	seen := []models.User{harness.Get[models.User](c, fmt.Sprint("/v1/users/", other.User.ID))}
	seen = append(seen, harness.Get[models.Page[models.User]](c, "/v1/users?prefix="+other.User.Username).Items...)
	for _, m := range harness.Get[models.Page[models.Member]](c, harness.RoomPath(roomID)+"/members").Items {
		if m.Present == isOther(m) {
			c.T.Errorf("%s sees %s with present = %t", c.User.Username, m.User.Username, m.Present)
		}
		if isOther(m) {
			seen = append(seen, m.User)
		}
	}
	present := harness.Get[models.Page[models.Member]](c, harness.RoomPath(roomID)+"/members?present=true").Items
	if len(present) != 2 || slices.ContainsFunc(present, isOther) {
		c.T.Errorf("%s sees the present members %+v", c.User.Username, present)
	}
	for _, entry := range harness.Get[models.Page[models.Contact]](c, "/v1/contacts").Items {
		seen = append(seen, entry.User)
	}
	for _, u := range seen {
		if u.Online || !u.LastSeenAt.IsZero() {
			c.T.Errorf("%s sees the presence of %+v", c.User.Username, u)
		}
	}
}

// TestBlockedSenderIsNotCountedUnread checks that messages of a blocked sender count neither in the room nor in the
// list of unread rooms, and that they count again after the block is removed.
func TestBlockedSenderIsNotCountedUnread(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		a := newBlockedPair(t, harness.StartServer(t, database).URL)
		for range 3 {
			a.blocked.SendText(a.shared.ID, "unwanted")
		}
		want := func(n int64) {
			t.Helper()
			unread := harness.Get[models.Page[models.Room]](a.blocker, "/v1/rooms?unread=true").Items
			listed := slices.ContainsFunc(unread, func(r models.Room) bool { return r.ID == a.shared.ID })
			if got := a.blocker.GetRoom(a.shared.ID).Membership.UnreadCount; got != n || listed != (n > 0) {
				t.Errorf("got %d unread messages, listed %t; want %d", got, listed, n)
			}
		}
		want(3)
		a.blocker.Call("PUT", harness.BlockPath(a.blocked), nil).ExpectStatus(200)
		want(0)
		other := a.blocker.NewGuestNamed("other")
		other.JoinRoom(a.shared.ID)
		other.SendText(a.shared.ID, "wanted")
		a.blocked.SendText(a.shared.ID, "unwanted")
		want(1)
		a.blocker.Call("DELETE", harness.BlockPath(a.blocked), nil).ExpectStatus(204)
		want(5)
	})
}
