package main

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestRooms(t *testing.T) {
	play(t, []scenario{
		{"create and read", testCreateRoom},
		{"handles", testHandles},
		{"change", testChangeRoom},
		{"delete", testDeleteRoom},
		{"list", testRoomList},
		{"list what changed since", testRoomsSince},
		{"a private room is not there for others", testPrivateRoom},
		{"a subject's rooms", testSubject},
		{"direct rooms", testDirectRooms},
		{"a direct room opened from both sides at once", testDirectRace},
		{"the users of a direct room", testDirectUsers},
		{"the users of a direct room, who change", testDirectUsersNow},
	})
}

func testCreateRoom(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	handle := unique("Tea.House")
	a := me.call("POST", "/v1/rooms", models.NewRoom{Handle: &handle, Name: ptr("Tea house"), Description: ptr("Leaves.")}).status(201)
	var room models.Room
	a.into(&room)
	if room.Handle != handle || room.Name != "Tea house" || room.Description != "Leaves." || room.Kind != models.RoomPublic ||
		room.OwnerID != me.User.ID || room.MemberCount != 1 || room.MessageCount != 0 || room.LastMessageID != 0 || room.Subject != "" {
		t.Errorf("got %+v", room)
	}
	if m := room.Membership; m == nil || m.Role != models.RoleOwner || m.UnreadCount != 0 || m.LastReadID != 0 || m.Muted {
		t.Errorf("its maker's membership is %+v", m)
	}
	if a.eventID() == "" || a.header("Location") != roomPath(room.ID) {
		t.Errorf("Event-Id %q, Location %q", a.eventID(), a.header("Location"))
	}
	for _, path := range []string{roomPath(room.ID), named(handle), named(strings.ToUpper(handle)), named("#" + strings.ToLower(handle))} {
		if got := get[models.Room](other, path); got.ID != room.ID || got.Membership != nil || got.MemberCount != 1 {
			t.Errorf("to others, %s is %+v", path, got)
		}
	}
	for _, body := range []map[string]any{{}, {"description": "neither handle nor name"}} {
		me.wrong("POST", "/v1/rooms", body).invalid("name")
	}
	me.wrong("POST", "/v1/rooms", map[string]any{"name": "d", "kind": "direct"}).invalid("kind")
	me.wrong("POST", "/v1/rooms", map[string]any{"name": ""}).invalid("name")
	me.wrong("POST", "/v1/rooms", map[string]any{"name": strings.Repeat("n", 129)}).invalid("name")
	me.wrong("POST", "/v1/rooms", map[string]any{"name": "n", "subject": strings.Repeat("s", 129)}).invalid("subject")
}

func testHandles(_ *testing.T, c *client) {
	me := c.newcomer("ada")
	tail := unique("")
	me.room(models.NewRoom{Handle: ptr("Straße" + tail)})
	for _, same := range []string{"Straße", "STRAßE", "ｓtraße"} {
		me.call("POST", "/v1/rooms", models.NewRoom{Handle: ptr(same + tail)}).problem(409, models.CodeHandleTaken)
	}
	for _, bad := range []string{"", "a", "1a", "#tea", "a b", "a/b", "a\x00b", strings.Repeat("h", 65)} {
		me.wrong("POST", "/v1/rooms", models.NewRoom{Handle: &bad}).invalid("handle")
	}
	me.room(models.NewRoom{Handle: ptr(strings.Repeat("é", 64-len(tail)) + tail)})
	for _, nothing := range []string{"%23", "%23" + unique("none"), "%23%23", "tea", "0", "-1"} {
		me.call("GET", "/v1/rooms/"+nothing, nil).problem(404, models.CodeNotFound)
	}
}

func testChangeRoom(t *testing.T, c *client) {
	owner, moderator, member := c.newcomer("ada"), c.newcomer("mod"), c.newcomer("mem")
	room := owner.publicRoom(moderator, member)
	owner.add(room.ID, moderator, models.RoleModerator)
	s := member.open("")
	handle := unique("new")
	var changed models.Room
	a := moderator.call("PATCH", roomPath(room.ID), models.RoomChange{Handle: &handle, Name: ptr("Name"), Description: ptr("D")}).status(200).into(&changed)
	if changed.Handle != handle || changed.Name != "Name" || changed.Description != "D" || changed.Membership.Role != models.RoleModerator {
		t.Errorf("got %+v", changed)
	}
	if changed.UpdatedAt.Before(room.UpdatedAt.Time) || owner.look(room.ID).UpdatedAt != changed.UpdatedAt {
		t.Errorf("changed at %v, stored as %v", changed.UpdatedAt, owner.look(room.ID).UpdatedAt)
	}
	var told models.Room
	if e := s.expect(models.EventRoomUpdated, &told); e.id != a.eventID() || told.Membership != nil || told.Handle != handle {
		t.Errorf("told %v for %v", e, a)
	}
	owner.call("GET", named(room.Handle), nil).problem(404, models.CodeNotFound)
	if got := get[models.Room](owner, named(handle)); got.ID != room.ID {
		t.Errorf("got %+v", got)
	}
	owner.call("PATCH", roomPath(room.ID), models.RoomChange{Name: ptr("Name")}).status(200).quiet()
	owner.call("PATCH", roomPath(room.ID), models.RoomChange{Handle: ptr(strings.ToUpper(handle))}).status(200) // its own, in other letters

	taken := owner.publicRoom().Handle
	owner.call("PATCH", roomPath(room.ID), models.RoomChange{Handle: &taken}).problem(409, models.CodeHandleTaken)
	owner.call("PATCH", roomPath(room.ID), models.RoomChange{Description: ptr(""), Handle: ptr("")}).status(200)
	if got := owner.look(room.ID); got.Description != "" || got.Handle != "" || got.Name != "Name" {
		t.Errorf("got %+v", got)
	}
	owner.wrong("PATCH", roomPath(room.ID), models.RoomChange{Name: ptr("")}).invalid("name")
	owner.room(models.NewRoom{Handle: &handle}) // which is free again
}

func testDeleteRoom(t *testing.T, c *client) {
	owner, moderator := c.newcomer("ada"), c.newcomer("mod")
	room := owner.publicRoom(moderator)
	owner.add(room.ID, moderator, models.RoleModerator)
	m := owner.say(room.ID, "words")
	s := c.newcomer("bystander").open("")

	a := owner.call("DELETE", roomPath(room.ID), nil).status(204)
	var gone models.RoomGone
	if e := s.expect(models.EventRoomDeleted, &gone); e.id != a.eventID() || gone != (models.RoomGone{RoomID: room.ID, Handle: room.Handle}) {
		t.Errorf("a bystander was told %v", e)
	}
	for _, path := range []string{roomPath(room.ID), named(room.Handle), roomPath(room.ID) + "/messages", messagePath(m), roomPath(room.ID) + "/members"} {
		moderator.call("GET", path, nil).problem(404, models.CodeNotFound)
	}
	owner.call("DELETE", roomPath(room.ID), nil).problem(404, models.CodeNotFound)
	if next := owner.room(models.NewRoom{Handle: &room.Handle}); next.ID == room.ID || next.MessageCount != 0 {
		t.Errorf("the next room of that handle is %+v", next)
	}
}

func testRoomList(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	if list := me.call("GET", "/v1/rooms", nil).status(200); !strings.Contains(string(list.body), `"items":[]`) {
		t.Errorf("nobody's rooms are %s", list.body)
	}
	other.publicRoom()
	var rooms []int64
	for range 5 {
		rooms = append(rooms, other.publicRoom(me).ID)
	}
	for _, i := range []int{3, 0, 4} {
		laterThan(other.say(rooms[i], "first").CreatedAt)
	}
	laterThan(me.say(rooms[0], "mine").CreatedAt)
	deleted := other.say(rooms[3], "gone")
	laterThan(deleted.CreatedAt)
	other.call("DELETE", messagePath(deleted), nil).status(204)

	type row struct{ id, messages, last, unread int64 }
	want := []row{{rooms[3], 1, 2, 1}, {rooms[0], 2, 2, 1}, {rooms[4], 1, 1, 1}, {rooms[2], 0, 0, 0}, {rooms[1], 0, 0, 0}}
	list := func(query string) (got []row) {
		for _, r := range slices.Concat(walk[models.Room](me, "/v1/rooms?"+query)...) {
			if r.MemberCount != 2 || r.Membership == nil || r.Membership.Role != models.RoleMember {
				t.Errorf("got %+v", r)
			}
			got = append(got, row{r.ID, r.MessageCount, r.LastMessageID, r.Membership.UnreadCount})
		}
		return got
	}
	for _, limit := range []int{1, 2, 3, 5, 200} {
		if got := list(fmt.Sprint("limit=", limit)); !slices.Equal(got, want) {
			t.Errorf("with pages of %d: %v, wanted %v", limit, got, want)
		}
	}
	if got := list("limit=2&unread=true"); !slices.Equal(got, want[:3]) {
		t.Errorf("unread are %v", got)
	}
	if got := list("limit=200&unread=false"); !slices.Equal(got, want) {
		t.Errorf("all are %v", got)
	}
}

// testRoomsSince: whatever changes in a room brings it into the list of what changed.
func testRoomsSince(t *testing.T, c *client) {
	owner, other := c.newcomer("ada"), c.newcomer("grace")
	owner.publicRoom() // in which nothing happens
	room := owner.publicRoom()
	path := roomPath(room.ID)
	var m models.Message
	for _, change := range []struct {
		name    string
		make    func()
		updates bool // updated_at, which tells of the room itself
		active  bool // active_at, which tells of messages
	}{
		{"a name", func() { owner.call("PATCH", path, models.RoomChange{Name: ptr("other")}).status(200) }, true, false},
		{"a member", func() { other.join(room.ID) }, false, false},
		{"a role", func() { owner.add(room.ID, other, models.RoleModerator) }, false, false},
		{"a message", func() { m = owner.say(room.ID, "text") }, true, true},
		{"a reaction", func() { owner.call("PUT", reactionPath(m, "👍"), nil).status(200) }, false, false},
		{"a pin", func() { owner.call("PUT", pinPath(m), nil).status(200) }, false, false},
		{"an edit", func() { owner.call("PATCH", messagePath(m), models.MessageEdit{Text: "other"}).status(200) }, false, false},
		{"a deletion", func() { owner.call("DELETE", messagePath(m), nil).status(204) }, false, false},
		{"a clear", func() { owner.say(room.ID, "more"); owner.call("DELETE", path+"/messages", nil).status(204) }, true, true},
		{"a member less", func() { other.call("DELETE", path+"/members/me", nil).status(204) }, false, false},
		{"a ban", func() { owner.call("PUT", banPath(room.ID, other), models.NewBan{}).status(200) }, false, false},
	} {
		since := laterThan(models.Now())
		query := "/v1/rooms?since=" + url.QueryEscape(since.Format("2006-01-02T15:04:05.000Z07:00"))
		if got := get[models.Page[models.Room]](owner, query).Items; len(got) != 0 {
			t.Errorf("before %s, changed since now: %+v", change.name, got)
		}
		change.make()
		got := get[models.Page[models.Room]](owner, query).Items
		if len(got) != 1 || got[0].ID != room.ID {
			t.Errorf("after %s, changed since then: %+v", change.name, got)
		} else if got[0].UpdatedAt.Before(since.Time) == change.updates || got[0].ActiveAt.Before(since.Time) == change.active {
			t.Errorf("after %s, updated_at is %v and active_at %v", change.name, got[0].UpdatedAt, got[0].ActiveAt)
		}
	}
}

// testPrivateRoom: to outsiders each route into a private room answers as it does where there is no room at all.
func testPrivateRoom(t *testing.T, c *client) {
	owner, member, outsider := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("eve")
	room := owner.room(models.NewRoom{Handle: ptr(unique("secret")), Kind: ptr(models.RoomPrivate)})
	owner.add(room.ID, member, models.RoleMember)
	m := owner.say(room.ID, "hush")
	streamID := outsider.open("").ready.StreamID

	const nowhere = 999_999_999
	for _, route := range []struct {
		method, path string
		body         any
	}{
		{"GET", "", nil},
		{"PATCH", "", models.RoomChange{Name: ptr("n")}},
		{"DELETE", "", nil},
		{"GET", "/members", nil},
		{"PUT", "/members/me", nil},
		{"DELETE", "/members/me", nil},
		{"PUT", fmt.Sprintf("/members/%d", outsider.User.ID), models.RoleChange{}},
		{"DELETE", fmt.Sprintf("/members/%d", member.User.ID), nil},
		{"GET", "/bans", nil},
		{"PUT", fmt.Sprintf("/bans/%d", member.User.ID), models.NewBan{}},
		{"DELETE", fmt.Sprintf("/bans/%d", member.User.ID), nil},
		{"PUT", "/presence/" + streamID, nil},
		{"DELETE", "/presence/" + streamID, nil},
		{"PUT", "/read", models.ReadMark{MessageID: 1}},
		{"POST", "/messages", models.NewMessage{Text: "hello?"}},
		{"GET", "/messages", nil},
		{"DELETE", "/messages", nil},
		{"GET", fmt.Sprintf("/messages/%d", m.ID), nil},
		{"PATCH", fmt.Sprintf("/messages/%d", m.ID), models.MessageEdit{Text: "x"}},
		{"DELETE", fmt.Sprintf("/messages/%d", m.ID), nil},
	} {
		want := outsider.call(route.method, roomPath(nowhere)+route.path, route.body)
		want.problem(404, models.CodeNotFound)
		for _, path := range []string{roomPath(room.ID), named(room.Handle)} {
			got := outsider.call(route.method, path+route.path, route.body)
			got.problem(404, models.CodeNotFound)
			if got.without("request_id") != want.without("request_id") {
				t.Errorf("%v\nwhere there is nothing: %v", got, want)
			}
		}
	}
	target := func(handle string) *answer {
		return outsider.call("POST", "/v1/messages", models.TargetedMessage{Target: "#" + handle, NewMessage: models.NewMessage{Text: "x"}})
	}
	if got, want := target(room.Handle), target(unique("none")); got.without("request_id") != want.without("request_id") {
		t.Errorf("%v\nwhere there is nothing: %v", got, want)
	}
	if got := member.look(room.ID); got.Kind != models.RoomPrivate || got.MemberCount != 2 || got.MessageCount != 1 {
		t.Errorf("to a member it is %+v", got)
	}
}

func testSubject(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	s := me.open("")
	subject := unique("advert ü/?&")
	var ids []int64
	for range 3 {
		room := me.room(models.NewRoom{Name: ptr("n"), Subject: &subject})
		s.expect(models.EventRoomCreated, nil)
		ids = append(ids, room.ID)
		if room.Subject != subject {
			t.Errorf("got %+v", room)
		}
	}
	me.publicRoom()
	s.expect(models.EventRoomCreated, nil)
	var got []int64
	for _, r := range slices.Concat(walk[models.Room](me, "/v1/rooms?limit=2&subject="+url.QueryEscape(subject))...) {
		got = append(got, r.ID)
	}
	slices.Sort(got)
	if !slices.Equal(got, ids) {
		t.Errorf("the subject's rooms are %v, not %v", got, ids)
	}
	// All that is told of the room names its subject.
	other.join(ids[0])
	var joined models.MemberEvent
	s.expect(models.EventMemberJoined, &joined)
	if joined.Subject != subject {
		t.Errorf("told %+v", joined)
	}
	var told models.Message
	m := other.say(ids[0], "about it")
	s.expect(models.EventMessageNotification, &told)
	if m.Subject != subject || told.Subject != subject {
		t.Errorf("said %+v, told %+v", m, told)
	}
	inside := me.open(fmt.Sprintf("room=%d", ids[0]))
	var entered models.PresenceEvent
	inside.expect(models.EventPresenceEntered, &entered)
	if entered.Subject != subject {
		t.Errorf("told %+v", entered)
	}
}

func directPath(user *client) string { return fmt.Sprintf("/v1/users/%d/direct", user.User.ID) }

func testDirectRooms(t *testing.T, c *client) {
	one, other, outsider := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("eve")
	s := other.open("")
	var room models.Room
	a := one.call("PUT", directPath(other), nil).status(200).into(&room)
	if room.Kind != models.RoomDirect || room.OwnerID != 0 || room.MemberCount != 2 || room.Membership == nil || room.Membership.Role != models.RoleMember {
		t.Errorf("got %+v", room)
	}
	if e := s.expect(models.EventRoomCreated, nil); e.id != a.eventID() {
		t.Errorf("told %v for %v", e, a)
	}
	for _, again := range []*answer{
		one.call("PUT", directPath(other), nil),
		other.call("PUT", "/v1/users/@"+strings.ToUpper(one.User.Username)+"/direct", nil),
	} {
		var same models.Room
		again.status(200).quiet().into(&same)
		if same.ID != room.ID {
			t.Errorf("a second direct room: %+v", same)
		}
	}
	one.call("DELETE", roomPath(room.ID), nil).problem(403, models.CodeForbidden)
	one.call("PATCH", roomPath(room.ID), models.RoomChange{Name: ptr("us")}).problem(403, models.CodeForbidden)
	one.call("PUT", memberPath(room.ID, outsider), models.RoleChange{}).problem(403, models.CodeForbidden)
	one.call("DELETE", memberPath(room.ID, other), nil).problem(403, models.CodeForbidden)
	one.call("PUT", banPath(room.ID, other), models.NewBan{}).problem(403, models.CodeForbidden)
	outsider.call("GET", roomPath(room.ID), nil).problem(404, models.CodeNotFound)
	outsider.call("PUT", roomPath(room.ID)+"/members/me", nil).problem(404, models.CodeNotFound)

	one.call("PUT", "/v1/users/me/direct", nil).problem(400, models.CodeInvalidRequest)
	one.call("PUT", directPath(one), nil).problem(400, models.CodeInvalidRequest)
	one.call("PUT", "/v1/users/999999999/direct", nil).problem(404, models.CodeNotFound)
}

// testDirectRace: two who open their direct room at the same moment, by each of the ways, meet in one.
func testDirectRace(t *testing.T, c *client) {
	pair := [2]*client{c.newcomer("ada"), c.newcomer("grace")}
	streams := [2]*stream{pair[0].open(""), pair[1].open("")}
	var mu sync.Mutex
	rooms := map[int64]int{}
	var all sync.WaitGroup
	for i := range 32 {
		me, other := pair[i%2], pair[1-i%2]
		all.Go(func() {
			a, err := me.try(t.Context(), "PUT", directPath(other), nil)
			if i%4 < 2 {
				message := models.TargetedMessage{Target: "@" + other.User.Username, NewMessage: models.NewMessage{Text: "hi"}}
				a, err = me.try(t.Context(), "POST", "/v1/messages", message)
			}
			if err != nil || a.response.StatusCode >= 300 {
				t.Error(a, err)
				return
			}
			var got struct {
				ID     int64 `json:"id"`
				RoomID int64 `json:"room_id"`
			}
			a.into(&got)
			if got.RoomID == 0 {
				got.RoomID = got.ID
			}
			mu.Lock()
			defer mu.Unlock()
			rooms[got.RoomID]++
		})
	}
	all.Wait()
	if len(rooms) != 1 {
		t.Errorf("rooms, and how often each was answered: %v", rooms)
	}
	for i, s := range streams {
		s.expect(models.EventRoomCreated, nil)
		for range 16 {
			if e := s.next(); e.name == string(models.EventRoomCreated) {
				t.Errorf("told twice: %v", e)
			}
		}
		if list := get[models.Page[models.Room]](pair[i], "/v1/rooms").Items; len(list) != 1 || list[0].MessageCount != 16 {
			t.Errorf("the rooms of one of the two are %+v", list)
		}
	}
}
