package main

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// apart are two who share a direct room, where the pest has reacted, and a public one, before the one blocks the other.
type apart struct {
	one, pest      *client
	direct, shared models.Room
	said           models.Message // by the one, in the direct room
	written        models.Message // by the pest, there
	public         models.Message // by the one, in the shared room
}

func newApart(t *testing.T, address string) apart {
	t.Helper()
	a := apart{one: newClient(t, address).guest("one")}
	a.pest = a.one.guest("pest")
	a.direct, a.shared = a.one.direct(a.pest), a.one.publicRoom(a.pest)
	a.said, a.written = a.one.say(a.direct.ID, "hello"), a.pest.say(a.direct.ID, "hi")
	a.public = a.one.say(a.shared.ID, "good morning")
	a.pest.react("PUT", a.said, "👍").status(200)
	return a
}

func (c *client) react(method string, m models.Message, emoji string) *answer {
	c.t.Helper()
	return c.call(method, fmt.Sprintf("%s/messages/%d/reactions/%s", roomPath(m.RoomID), m.ID, url.PathEscape(emoji)), nil)
}

// TestBlockedReachesNobody tries everything by which one of two reaches the other, from both sides of a block, and again when it is
// lifted.
func TestBlockedReachesNobody(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		a := newApart(t, startServer(t, database).url)
		a.one.call("PUT", blockPath(a.pest), nil).status(200)
		streams := map[*client]*stream{a.one: a.one.open(""), a.pest: a.pest.open("")}
		files := roomPath(a.direct.ID) + "/files"
		for me, you := range map[*client]*client{a.one: a.pest, a.pest: a.one} {
			mine, yours := a.said, a.written
			if me == a.pest {
				mine, yours = yours, mine
			}
			body, form := namedForm(t, "x.txt")
			for what, refused := range map[string]*answer{
				"a reaction": me.react("PUT", yours, "🖕"), "one to one's own message": me.react("PUT", mine, "🖕"),
				"a reaction taken back": me.react("DELETE", a.said, "👍"),
				"an edit":               me.call("PATCH", fmt.Sprintf("%s/messages/%d", roomPath(a.direct.ID), mine.ID), models.MessageEdit{Text: "worse"}),
				"typing":                me.call("POST", roomPath(a.direct.ID)+"/typing", nil),
				"a file":                me.call("POST", files+"?name=x.txt", []byte("raw"), "Content-Type", "text/plain"),
				"a form":                me.call("POST", files, body, "Content-Type", form),
				"an upload":             me.beginUpload(a.direct.ID),
				"a contact":             me.call("PUT", contactPath(you), nil),
			} {
				t.Log(what)
				refused.problem(403, models.CodeBlocked)
			}
			me.call("PUT", roomPath(a.direct.ID)+"/read", models.ReadMark{MessageID: a.written.ID}).status(200)
			if m := me.look(a.direct.ID).Membership; m.LastReadID != a.written.ID {
				t.Errorf("%s has read up to %d", me.User.Username, m.LastReadID)
			}
		}
		a.pest.react("PUT", a.public, "🖕").problem(403, models.CodeBlocked)
		a.one.call("DELETE", fmt.Sprintf("%s/messages/%d", roomPath(a.direct.ID), a.said.ID), nil).status(204)
		for c, s := range streams {
			read := models.ReadEvent{}
			s.expect(models.EventMessageRead, &read)
			if read.UserID != c.User.ID {
				t.Errorf("%s hears that %d has read", c.User.Username, read.UserID)
			}
			s.expect(models.EventMessageDeleted, nil) // and nothing but these two
		}
		a.one.call("DELETE", blockPath(a.pest), nil).status(204)
		a.one.react("PUT", a.written, "👍").status(200)
		a.pest.react("PUT", a.public, "👍").status(200)
		a.pest.beginUpload(a.direct.ID).status(201)
	})
}

// beginUpload makes an upload of tus.
func (c *client) beginUpload(roomID int64) *answer {
	c.t.Helper()
	encoded := base64.StdEncoding.EncodeToString([]byte(fmt.Sprint(roomID)))
	return c.call("POST", "/v1/uploads", nil, "Tus-Resumable", "1.0.0", "Upload-Length", "3", "Upload-Metadata", "room_id "+encoded)
}

// TestApartKnowNothingOfEachOther: neither of two with a block between them hears of the other's presence, or reads of it.
func TestApartKnowNothingOfEachOther(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		a := newApart(t, startServer(t, database).url)
		witness := a.one.guest("witness")
		witness.join(a.shared.ID)
		a.pest.call("PUT", contactPath(a.one), nil).status(200)
		a.one.call("PUT", blockPath(a.pest), nil).status(200)
		enters := fmt.Sprintf("room=%d", a.shared.ID)
		seer := witness.open(enters)
		seer.expect(models.EventPresenceEntered, nil)
		streams := map[*client]*stream{}
		for _, c := range []*client{a.one, a.pest} {
			streams[c] = c.open(enters)
			entered, online := false, false
			for !entered || !online { // the witness sees both
				e := seer.next()
				entered, online = entered || e.name == string(models.EventPresenceEntered), online || e.name == string(models.EventUserOnline)
			}
		}
		for _, c := range []*client{a.one, a.pest} {
			c.call("POST", roomPath(a.shared.ID)+"/typing", nil).status(204)
		}
		witness.say(a.shared.ID, "that is all")
		for c, s := range streams {
			for e := s.next(); e.name != string(models.EventMessageCreated); e = s.next() {
				if other := map[*client]*client{a.one: a.pest, a.pest: a.one}[c]; strings.Contains(e.data, other.User.Username) {
					t.Errorf("%s hears of the other: %v", c.User.Username, e)
				}
			}
		}
		for me, you := range map[*client]*client{a.one: a.pest, a.pest: a.one} {
			me.knowsNothingOf(you, a.shared.ID)
		}
		if u := get[models.User](witness, fmt.Sprint("/v1/users/", a.pest.User.ID)); !u.Online {
			t.Errorf("the witness reads of %+v", u)
		}
		a.pest.call("DELETE", contactPath(a.one), nil).status(204)
		streams[a.pest].expect(models.EventContactRemoved, nil)
		a.one.call("DELETE", blockPath(a.pest), nil).status(204)
		a.pest.call("POST", roomPath(a.shared.ID)+"/typing", nil).status(204)
		streams[a.one].expect(models.EventTyping, nil) // and of the contact nothing
	})
}

// knowsNothingOf reads of the other one wherever a user is shown.
func (c *client) knowsNothingOf(other *client, roomID int64) {
	c.t.Helper()
	isOther := func(m models.Member) bool { return m.User.ID == other.User.ID }
	seen := []models.User{get[models.User](c, fmt.Sprint("/v1/users/", other.User.ID))}
	seen = append(seen, get[models.Page[models.User]](c, "/v1/users?prefix="+other.User.Username).Items...)
	for _, m := range get[models.Page[models.Member]](c, roomPath(roomID)+"/members").Items {
		if m.Present == isOther(m) {
			c.t.Errorf("%s reads of %s: present %t", c.User.Username, m.User.Username, m.Present)
		}
		if isOther(m) {
			seen = append(seen, m.User)
		}
	}
	if here := get[models.Page[models.Member]](c, roomPath(roomID)+"/members?present=true").Items; len(here) != 2 || slices.ContainsFunc(here, isOther) {
		c.t.Errorf("%s reads of who is here: %+v", c.User.Username, here)
	}
	for _, entry := range get[models.Page[models.Contact]](c, "/v1/contacts").Items {
		seen = append(seen, entry.User)
	}
	for _, u := range seen {
		if u.Online || !u.LastSeenAt.IsZero() {
			c.t.Errorf("%s reads of %+v", c.User.Username, u)
		}
	}
}

// TestBlockedIsNotUnread: what a blocked sender wrote counts neither in a room nor in the list of unread ones, until the block
// is lifted.
func TestBlockedIsNotUnread(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		a := newApart(t, startServer(t, database).url)
		for range 3 {
			a.pest.say(a.shared.ID, "unwanted")
		}
		want := func(n int64) {
			t.Helper()
			unread := get[models.Page[models.Room]](a.one, "/v1/rooms?unread=true").Items
			listed := slices.ContainsFunc(unread, func(r models.Room) bool { return r.ID == a.shared.ID })
			if got := a.one.look(a.shared.ID).Membership.UnreadCount; got != n || listed != (n > 0) {
				t.Errorf("%d are unread, listed %t; wanted %d", got, listed, n)
			}
		}
		want(3)
		a.one.call("PUT", blockPath(a.pest), nil).status(200)
		want(0)
		other := a.one.guest("other")
		other.join(a.shared.ID)
		other.say(a.shared.ID, "wanted")
		a.pest.say(a.shared.ID, "unwanted")
		want(1)
		a.one.call("DELETE", blockPath(a.pest), nil).status(204)
		want(5)
	})
}

// TestNamesFollowTheProfile sends names as people and programs do, and looks at what is kept.
func TestNamesFollowTheProfile(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database).url).guest("anna")
		for _, bad := range []string{" ", "\u00ad", "\u2800", "\ufe0f", "Anna\u2066", "An\u200bna", "Anna\r\nadmin", "\U000e0041"} {
			anna.call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: &bad}).invalid("display_name")
			anna.call("POST", "/v1/rooms", models.NewRoom{Name: &bad}).invalid("name")
			anna.call("POST", "/v1/sessions", models.Credentials{Username: "bert", Guest: true, DisplayName: &bad}).invalid("display_name")
		}
		var u models.User
		anna.call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: ptr("  Anna \u3000 👩\u200d💻 ")}).status(200).into(&u)
		if u.DisplayName != "Anna 👩\u200d💻" || get[models.User](anna, "/v1/users/@anna").DisplayName != u.DisplayName {
			t.Errorf("anna is shown as %q", u.DisplayName)
		}
		var room models.Room
		anna.call("POST", "/v1/rooms", models.NewRoom{Name: ptr("Ｔｅａ  room ")}).status(201).into(&room)
		anna.call("PATCH", roomPath(room.ID), models.RoomChange{Name: ptr("\u200b")}).invalid("name")
		if got := anna.look(room.ID); got.Name != "Tea room" {
			t.Errorf("the room is called %q", got.Name)
		}
		for _, name := range []string{"me", "Deleted", "ad-min", "r00t"} {
			anna.nobody().call("POST", "/v1/users", models.NewUser{Username: name, Password: password}).invalid("username")
			anna.nobody().call("POST", "/v1/sessions", models.Credentials{Username: name, Guest: true}).invalid("username")
			anna.call("POST", "/v1/users", models.NewUser{Username: name, Password: password}).invalid("username")
		}
		anna.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "\u3164\u200b"}).invalid("text")
		anna.call("POST", "/v1/messages", models.TargetedMessage{Target: "@anna", NewMessage: models.NewMessage{Text: "\u2800"}}).invalid("text")
	})
}

// TestMeIsTheCaller names the caller in each of the three ways wherever a path takes a user.
func TestMeIsTheCaller(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database).url).guest("anna")
		ben := anna.guest("ben")
		for _, me := range []string{"me", "@ben", "@BEN", fmt.Sprint(ben.User.ID)} {
			if u := get[models.User](ben, "/v1/users/"+me); u.ID != ben.User.ID {
				t.Errorf("%s is %+v", me, u)
			}
			room := anna.publicRoom()
			member := roomPath(room.ID) + "/members/" + me
			for _, step := range []struct {
				method, path string
				status       int
			}{
				{"PUT", "/v1/contacts/" + me, 400}, {"DELETE", "/v1/contacts/" + me, 204}, {"PUT", "/v1/blocks/" + me, 400},
				{"DELETE", "/v1/blocks/" + me, 204}, {"PUT", "/v1/users/" + me + "/direct", 400},
				{"PUT", member, 200}, {"PUT", member, 200}, {"DELETE", member, 204}, {"DELETE", member, 204},
				{"PUT", roomPath(room.ID) + "/bans/" + me, 403}, {"DELETE", roomPath(room.ID) + "/bans/" + me, 403},
			} {
				if a := ben.call(step.method, step.path, nil); a.response.StatusCode != step.status {
					t.Errorf("%s %s: %v, wanted %d", step.method, step.path, a, step.status)
				}
			}
			own := ben.publicRoom()
			ben.call("PUT", roomPath(own.ID)+"/bans/"+me, models.NewBan{}).problem(http.StatusBadRequest, models.CodeInvalidRequest)
			ben.call("DELETE", roomPath(own.ID)+"/bans/"+me, nil).status(204)
			if me != "me" {
				ben.call("PUT", roomPath(room.ID)+"/members/"+me, models.RoleChange{Role: models.RoleOwner}).problem(403, models.CodeForbidden)
			}
		}
	})
}
