package api

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// apart are two who share a direct room, where the pest has reacted, and a public one, before the one blocks the other.
type apart struct {
	one, pest      *harness.Client
	direct, shared models.Room
	said           models.Message // by the one, in the direct room
	written        models.Message // by the pest, there
	public         models.Message // by the one, in the shared room
}

func newApart(t *testing.T, address string) apart {
	t.Helper()
	a := apart{one: harness.NewClient(t, address).Guest("one")}
	a.pest = a.one.Guest("pest")
	a.direct, a.shared = a.one.OpenDirectRoom(a.pest), a.one.CreatePublicRoom(a.pest)
	a.said, a.written = a.one.SendText(a.direct.ID, "hello"), a.pest.SendText(a.direct.ID, "hi")
	a.public = a.one.SendText(a.shared.ID, "good morning")
	react(a.pest, "PUT", a.said, "👍").ExpectStatus(200)
	return a
}

func react(c *harness.Client, method string, m models.Message, emoji string) *harness.Response {
	c.T.Helper()
	return c.Call(method, fmt.Sprintf("%s/messages/%d/reactions/%s", harness.RoomPath(m.RoomID), m.ID, url.PathEscape(emoji)), nil)
}

// TestBlockedReachesNobody tries everything by which one of two reaches the other, from both sides of a block, and again when it is
// lifted.
func TestBlockedReachesNobody(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		a := newApart(t, harness.StartServer(t, database).URL)
		a.one.Call("PUT", harness.BlockPath(a.pest), nil).ExpectStatus(200)
		streams := map[*harness.Client]*harness.Stream{a.one: a.one.OpenReadyStream(""), a.pest: a.pest.OpenReadyStream("")}
		files := harness.RoomPath(a.direct.ID) + "/files"
		for me, you := range map[*harness.Client]*harness.Client{a.one: a.pest, a.pest: a.one} {
			mine, yours := a.said, a.written
			if me == a.pest {
				mine, yours = yours, mine
			}
			body, form := harness.NamedForm(t, "x.txt")
			for what, refused := range map[string]*harness.Response{
				"a reaction": react(me, "PUT", yours, "🖕"), "one to one's own message": react(me, "PUT", mine, "🖕"),
				"a reaction taken back": react(me, "DELETE", a.said, "👍"),
				"an edit":               me.Call("PATCH", fmt.Sprintf("%s/messages/%d", harness.RoomPath(a.direct.ID), mine.ID), models.MessageEdit{Text: "worse"}),
				"typing":                me.Call("POST", harness.RoomPath(a.direct.ID)+"/typing", nil),
				"a file":                me.Call("POST", files+"?name=x.txt", []byte("raw"), "Content-Type", "text/plain"),
				"a form":                me.Call("POST", files, body, "Content-Type", form),
				"an upload":             beginUpload(me, a.direct.ID),
				"a contact":             me.Call("PUT", harness.ContactPath(you), nil),
			} {
				t.Log(what)
				refused.ExpectProblem(403, models.CodeBlocked)
			}
			me.Call("PUT", harness.RoomPath(a.direct.ID)+"/read", models.ReadMark{MessageID: a.written.ID}).ExpectStatus(200)
			if m := me.GetRoom(a.direct.ID).Membership; m.LastReadID != a.written.ID {
				t.Errorf("%s has read up to %d", me.User.Username, m.LastReadID)
			}
		}
		react(a.pest, "PUT", a.public, "🖕").ExpectProblem(403, models.CodeBlocked)
		a.one.Call("DELETE", fmt.Sprintf("%s/messages/%d", harness.RoomPath(a.direct.ID), a.said.ID), nil).ExpectStatus(204)
		for c, s := range streams {
			read := models.ReadEvent{}
			s.Expect(models.EventMessageRead, &read)
			if read.UserID != c.User.ID {
				t.Errorf("%s hears that %d has read", c.User.Username, read.UserID)
			}
			s.Expect(models.EventMessageDeleted, nil) // and nothing but these two
		}
		a.one.Call("DELETE", harness.BlockPath(a.pest), nil).ExpectStatus(204)
		react(a.one, "PUT", a.written, "👍").ExpectStatus(200)
		react(a.pest, "PUT", a.public, "👍").ExpectStatus(200)
		beginUpload(a.pest, a.direct.ID).ExpectStatus(201)
	})
}

// beginUpload makes an upload of tus.
func beginUpload(c *harness.Client, roomID int64) *harness.Response {
	c.T.Helper()
	encoded := base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(roomID)))
	return c.Call("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "3", "Upload-Metadata", "room_id "+encoded)
}

// TestApartKnowNothingOfEachOther: neither of two with a block between them hears of the other's presence, or reads of it.
func TestApartKnowNothingOfEachOther(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		a := newApart(t, harness.StartServer(t, database).URL)
		witness := a.one.Guest("witness")
		witness.JoinRoom(a.shared.ID)
		a.pest.Call("PUT", harness.ContactPath(a.one), nil).ExpectStatus(200)
		a.one.Call("PUT", harness.BlockPath(a.pest), nil).ExpectStatus(200)
		enters := fmt.Sprintf("room=%d", a.shared.ID)
		seer := witness.OpenReadyStream(enters)
		seer.Expect(models.EventPresenceEntered, nil)
		streams := map[*harness.Client]*harness.Stream{}
		for _, c := range []*harness.Client{a.one, a.pest} {
			streams[c] = c.OpenReadyStream(enters)
			entered, online := false, false
			for !entered || !online { // the witness sees both
				e := seer.Next()
				entered, online = entered || e.Name == string(models.EventPresenceEntered), online || e.Name == string(models.EventUserOnline)
			}
		}
		for _, c := range []*harness.Client{a.one, a.pest} {
			c.Call("POST", harness.RoomPath(a.shared.ID)+"/typing", nil).ExpectStatus(204)
		}
		witness.SendText(a.shared.ID, "that is all")
		for c, s := range streams {
			for e := s.Next(); e.Name != string(models.EventMessageCreated); e = s.Next() {
				if other := map[*harness.Client]*harness.Client{a.one: a.pest, a.pest: a.one}[c]; strings.Contains(e.Data, other.User.Username) {
					t.Errorf("%s hears of the other: %v", c.User.Username, e)
				}
			}
		}
		for me, you := range map[*harness.Client]*harness.Client{a.one: a.pest, a.pest: a.one} {
			expectNoEventsOf(me, you, a.shared.ID)
		}
		if u := harness.Get[models.User](witness, fmt.Sprint("/v1/users/", a.pest.User.ID)); !u.Online {
			t.Errorf("the witness reads of %+v", u)
		}
		a.pest.Call("DELETE", harness.ContactPath(a.one), nil).ExpectStatus(204)
		streams[a.pest].Expect(models.EventContactRemoved, nil)
		a.one.Call("DELETE", harness.BlockPath(a.pest), nil).ExpectStatus(204)
		a.pest.Call("POST", harness.RoomPath(a.shared.ID)+"/typing", nil).ExpectStatus(204)
		streams[a.one].Expect(models.EventTyping, nil) // and of the contact nothing
	})
}

// expectNoEventsOf reads of the other one wherever a user is shown.
func expectNoEventsOf(c *harness.Client, other *harness.Client, roomID int64) {
	c.T.Helper()
	isOther := func(m models.Member) bool { return m.User.ID == other.User.ID }
	seen := []models.User{harness.Get[models.User](c, fmt.Sprint("/v1/users/", other.User.ID))}
	seen = append(seen, harness.Get[models.Page[models.User]](c, "/v1/users?prefix="+other.User.Username).Items...)
	for _, m := range harness.Get[models.Page[models.Member]](c, harness.RoomPath(roomID)+"/members").Items {
		if m.Present == isOther(m) {
			c.T.Errorf("%s reads of %s: present %t", c.User.Username, m.User.Username, m.Present)
		}
		if isOther(m) {
			seen = append(seen, m.User)
		}
	}
	if here := harness.Get[models.Page[models.Member]](c, harness.RoomPath(roomID)+"/members?present=true").Items; len(here) != 2 || slices.ContainsFunc(here, isOther) {
		c.T.Errorf("%s reads of who is here: %+v", c.User.Username, here)
	}
	for _, entry := range harness.Get[models.Page[models.Contact]](c, "/v1/contacts").Items {
		seen = append(seen, entry.User)
	}
	for _, u := range seen {
		if u.Online || !u.LastSeenAt.IsZero() {
			c.T.Errorf("%s reads of %+v", c.User.Username, u)
		}
	}
}

// TestBlockedIsNotUnread: what a blocked sender wrote counts neither in a room nor in the list of unread ones, until the block
// is lifted.
func TestBlockedIsNotUnread(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		a := newApart(t, harness.StartServer(t, database).URL)
		for range 3 {
			a.pest.SendText(a.shared.ID, "unwanted")
		}
		want := func(n int64) {
			t.Helper()
			unread := harness.Get[models.Page[models.Room]](a.one, "/v1/rooms?unread=true").Items
			listed := slices.ContainsFunc(unread, func(r models.Room) bool { return r.ID == a.shared.ID })
			if got := a.one.GetRoom(a.shared.ID).Membership.UnreadCount; got != n || listed != (n > 0) {
				t.Errorf("%d are unread, listed %t; wanted %d", got, listed, n)
			}
		}
		want(3)
		a.one.Call("PUT", harness.BlockPath(a.pest), nil).ExpectStatus(200)
		want(0)
		other := a.one.Guest("other")
		other.JoinRoom(a.shared.ID)
		other.SendText(a.shared.ID, "wanted")
		a.pest.SendText(a.shared.ID, "unwanted")
		want(1)
		a.one.Call("DELETE", harness.BlockPath(a.pest), nil).ExpectStatus(204)
		want(5)
	})
}

// TestNamesFollowTheProfile sends names as people and programs do, and looks at what is kept.
func TestNamesFollowTheProfile(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).Guest("anna")
		for _, bad := range []string{" ", "\u00ad", "\u2800", "\ufe0f", "Anna\u2066", "An\u200bna", "Anna\r\nadmin", "\U000e0041"} {
			anna.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: &bad}).ExpectInvalid("display_name")
			anna.Call("POST", "/v1/rooms", models.NewRoom{Name: &bad}).ExpectInvalid("name")
			anna.Call("POST", "/v1/sessions", models.Credentials{Username: "bert", Guest: true, DisplayName: &bad}).ExpectInvalid("display_name")
		}
		var u models.User
		anna.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: harness.Ptr("  Anna \u3000 👩\u200d💻 ")}).ExpectStatus(200).Decode(&u)
		if u.DisplayName != "Anna 👩\u200d💻" || harness.Get[models.User](anna, "/v1/users/@anna").DisplayName != u.DisplayName {
			t.Errorf("anna is shown as %q", u.DisplayName)
		}
		var room models.Room
		anna.Call("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr("Ｔｅａ  room ")}).ExpectStatus(201).Decode(&room)
		anna.Call("PATCH", harness.RoomPath(room.ID), models.RoomChange{Name: harness.Ptr("\u200b")}).ExpectInvalid("name")
		if got := anna.GetRoom(room.ID); got.Name != "Tea room" {
			t.Errorf("the room is called %q", got.Name)
		}
		for _, name := range []string{"me", "Deleted", "ad-min", "r00t"} {
			anna.WithoutToken().Call("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}).ExpectInvalid("username")
			anna.WithoutToken().Call("POST", "/v1/sessions", models.Credentials{Username: name, Guest: true}).ExpectInvalid("username")
			anna.Call("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}).ExpectInvalid("username")
		}
		anna.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "\u3164\u200b"}).ExpectInvalid("text")
		anna.Call("POST", "/v1/messages", models.TargetedMessage{Target: "@anna", NewMessage: models.NewMessage{Text: "\u2800"}}).ExpectInvalid("text")
	})
}

// TestMeIsTheCaller names the caller in each of the three ways wherever a path takes a user.
func TestMeIsTheCaller(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).Guest("anna")
		ben := anna.Guest("ben")
		for _, me := range []string{"me", "@ben", "@BEN", fmt.Sprint(ben.User.ID)} {
			if u := harness.Get[models.User](ben, "/v1/users/"+me); u.ID != ben.User.ID {
				t.Errorf("%s is %+v", me, u)
			}
			room := anna.CreatePublicRoom()
			member := harness.RoomPath(room.ID) + "/members/" + me
			for _, step := range []struct {
				method, path string
				status       int
			}{
				{"PUT", "/v1/contacts/" + me, 400}, {"DELETE", "/v1/contacts/" + me, 204}, {"PUT", "/v1/blocks/" + me, 400},
				{"DELETE", "/v1/blocks/" + me, 204}, {"PUT", "/v1/users/" + me + "/direct", 400},
				{"PUT", member, 200}, {"PUT", member, 200}, {"DELETE", member, 204}, {"DELETE", member, 204},
				{"PUT", harness.RoomPath(room.ID) + "/bans/" + me, 403}, {"DELETE", harness.RoomPath(room.ID) + "/bans/" + me, 403},
			} {
				if a := ben.Call(step.method, step.path, nil); a.HTTP.StatusCode != step.status {
					t.Errorf("%s %s: %v, wanted %d", step.method, step.path, a, step.status)
				}
			}
			own := ben.CreatePublicRoom()
			ben.Call("PUT", harness.RoomPath(own.ID)+"/bans/"+me, models.NewBan{}).ExpectProblem(http.StatusBadRequest, models.CodeInvalidRequest)
			ben.Call("DELETE", harness.RoomPath(own.ID)+"/bans/"+me, nil).ExpectStatus(204)
			if me != "me" {
				ben.Call("PUT", harness.RoomPath(room.ID)+"/members/"+me, models.RoleChange{Role: models.RoleOwner}).ExpectProblem(403, models.CodeForbidden)
			}
		}
	})
}
