package api

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestRooms(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "create and read", Run: testCreateRoom},
		{Name: "handles", Run: testHandles},
		{Name: "change", Run: testChangeRoom},
		{Name: "delete", Run: testDeleteRoom},
		{Name: "list", Run: testRoomList},
		{Name: "list of rooms changed since a time", Run: testRoomsSince},
		{Name: "a private room is hidden from others", Run: testPrivateRoom},
		{Name: "the rooms of a subject", Run: testSubject},
		{Name: "direct rooms", Run: testDirectRooms},
		{Name: "a direct room opened from both sides at once", Run: testDirectRace},
		{Name: "the users of a direct room", Run: testDirectUsers},
		{Name: "changes of the users of a direct room", Run: testDirectUsersAreCurrent},
	})
}

func testCreateRoom(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	handle := harness.UniqueName("Tea.House")
	a := me.Call("POST", "/v1/rooms",
		models.NewRoom{Handle: &handle, Name: harness.Ptr("Tea house"), Description: harness.Ptr("Leaves.")}).
		ExpectStatus(201)
	var room models.Room
	a.Decode(&room)
	if room.Handle != handle || room.Name != "Tea house" || room.Description != "Leaves." ||
		room.Kind != models.RoomPublic ||
		room.OwnerID != me.User.ID || room.MemberCount != 1 || room.MessageCount != 0 || room.LastMessageID != 0 ||
		room.Subject != "" {
		t.Errorf("got %+v", room)
	}
	if m := room.Membership; m == nil || m.Role != models.RoleOwner || m.UnreadCount != 0 || m.LastReadID != 0 || m.Muted {
		t.Errorf("got the creator's membership %+v", m)
	}
	if a.EventID() == "" || a.Header("Location") != harness.RoomPath(room.ID) {
		t.Errorf("got Event-Id %q, Location %q", a.EventID(), a.Header("Location"))
	}
	for _, path := range []string{
		harness.RoomPath(room.ID), harness.HandlePath(handle),
		harness.HandlePath(strings.ToUpper(handle)), harness.HandlePath("#" + strings.ToLower(handle)),
	} {
		if got := harness.Get[models.Room](other, path); got.ID != room.ID || got.Membership != nil || got.MemberCount != 1 {
			t.Errorf("another user: got %+v at %s", got, path)
		}
	}
	for _, body := range []map[string]any{{}, {"description": "neither handle nor name"}} {
		me.CallInvalid("POST", "/v1/rooms", body).ExpectInvalid("name")
	}
	me.CallInvalid("POST", "/v1/rooms", map[string]any{"name": "d", "kind": "direct"}).ExpectInvalid("kind")
	me.CallInvalid("POST", "/v1/rooms", map[string]any{"name": ""}).ExpectInvalid("name")
	me.CallInvalid("POST", "/v1/rooms", map[string]any{"name": strings.Repeat("n", 129)}).ExpectInvalid("name")
	me.CallInvalid("POST", "/v1/rooms", map[string]any{"name": "n", "subject": strings.Repeat("s", 129)}).
		ExpectInvalid("subject")
}

func testHandles(_ *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	suffix := harness.UniqueName("")
	me.CreateRoom(models.NewRoom{Handle: harness.Ptr("Straße" + suffix)})
	for _, same := range []string{"Straße", "STRAßE", "ｓtraße"} {
		me.Call("POST", "/v1/rooms", models.NewRoom{Handle: harness.Ptr(same + suffix)}).
			ExpectProblem(409, models.CodeHandleTaken)
	}
	for _, bad := range []string{"", "a", "1a", "#tea", "a b", "a/b", "a\x00b", strings.Repeat("h", 65)} {
		me.CallInvalid("POST", "/v1/rooms", models.NewRoom{Handle: &bad}).ExpectInvalid("handle")
	}
	me.CreateRoom(models.NewRoom{Handle: harness.Ptr(strings.Repeat("é", 64-len(suffix)) + suffix)})
	for _, unknown := range []string{"%23", "%23" + harness.UniqueName("none"), "%23%23", "tea", "0", "-1"} {
		me.Call("GET", "/v1/rooms/"+unknown, nil).ExpectProblem(404, models.CodeNotFound)
	}
}

func testChangeRoom(t *testing.T, c *harness.Client) {
	owner, moderator, member := c.NewGuest("ada"), c.NewGuest("mod"), c.NewGuest("mem")
	room := owner.CreatePublicRoom(moderator, member)
	owner.AddMember(room.ID, moderator, models.RoleModerator)
	s := member.OpenStream("")
	handle := harness.UniqueName("new")
	var changed models.Room
	a := moderator.Call("PATCH", harness.RoomPath(room.ID),
		models.RoomChange{Handle: &handle, Name: harness.Ptr("Name"), Description: harness.Ptr("D")}).ExpectStatus(200).
		Decode(&changed)
	if changed.Handle != handle || changed.Name != "Name" || changed.Description != "D" ||
		changed.Membership.Role != models.RoleModerator {
		t.Errorf("got %+v", changed)
	}
	if changed.UpdatedAt.Before(room.UpdatedAt.Time) || owner.GetRoom(room.ID).UpdatedAt != changed.UpdatedAt {
		t.Errorf("got the stored updated_at %v, want %v", owner.GetRoom(room.ID).UpdatedAt, changed.UpdatedAt)
	}
	var data models.Room
	if e := s.Expect(models.EventRoomUpdated, &data); e.ID != a.EventID() || data.Membership != nil ||
		data.Handle != handle {
		t.Errorf("got the event %v for %v", e, a)
	}
	owner.Call("GET", harness.HandlePath(room.Handle), nil).ExpectProblem(404, models.CodeNotFound)
	if got := harness.Get[models.Room](owner, harness.HandlePath(handle)); got.ID != room.ID {
		t.Errorf("got %+v", got)
	}
	owner.Call("PATCH", harness.RoomPath(room.ID), models.RoomChange{Name: harness.Ptr("Name")}).ExpectStatus(200).
		ExpectNoEvent()
	// The room's own handle in capitals is not taken.
	owner.Call("PATCH", harness.RoomPath(room.ID), models.RoomChange{Handle: harness.Ptr(strings.ToUpper(handle))}).
		ExpectStatus(200)

	taken := owner.CreatePublicRoom().Handle
	owner.Call("PATCH", harness.RoomPath(room.ID), models.RoomChange{Handle: &taken}).
		ExpectProblem(409, models.CodeHandleTaken)
	owner.Call("PATCH", harness.RoomPath(room.ID),
		models.RoomChange{Description: harness.Ptr(""), Handle: harness.Ptr("")}).ExpectStatus(200)
	if got := owner.GetRoom(room.ID); got.Description != "" || got.Handle != "" || got.Name != "Name" {
		t.Errorf("got %+v", got)
	}
	owner.CallInvalid("PATCH", harness.RoomPath(room.ID), models.RoomChange{Name: harness.Ptr("")}).ExpectInvalid("name")
	owner.CreateRoom(models.NewRoom{Handle: &handle}) // the old handle is free again
}

func testDeleteRoom(t *testing.T, c *harness.Client) {
	owner, moderator := c.NewGuest("ada"), c.NewGuest("mod")
	room := owner.CreatePublicRoom(moderator)
	owner.AddMember(room.ID, moderator, models.RoleModerator)
	m := owner.SendText(room.ID, "words")
	s := c.NewGuest("bystander").OpenStream("")

	a := owner.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
	var deleted models.RoomGone
	want := models.RoomGone{RoomID: room.ID, Handle: room.Handle}
	if e := s.Expect(models.EventRoomDeleted, &deleted); e.ID != a.EventID() || deleted != want {
		t.Errorf("a user who is not a member got the event %v", e)
	}
	for _, path := range []string{
		harness.RoomPath(room.ID), harness.HandlePath(room.Handle),
		harness.RoomPath(room.ID) + "/messages", harness.MessagePath(m), harness.RoomPath(room.ID) + "/members",
	} {
		moderator.Call("GET", path, nil).ExpectProblem(404, models.CodeNotFound)
	}
	for _, member := range []*harness.Client{owner, moderator} { // they know that it is gone
		again := member.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
		if again.EventID() != "" {
			t.Errorf("a repeated deletion has the event %s", again.EventID())
		}
	}
	c.NewGuest("newcomer").Call("DELETE", harness.RoomPath(room.ID), nil).ExpectProblem(404, models.CodeNotFound)
	if next := owner.CreateRoom(models.NewRoom{Handle: &room.Handle}); next.ID == room.ID || next.MessageCount != 0 {
		t.Errorf("got the next room of that handle %+v", next)
	}
}

func testRoomList(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	if list := me.Call("GET", "/v1/rooms", nil).ExpectStatus(200); !strings.Contains(string(list.Body), `"items":[]`) {
		t.Errorf("got the rooms %s of a user without rooms", list.Body)
	}
	other.CreatePublicRoom()
	var rooms []int64
	for range 5 {
		rooms = append(rooms, other.CreatePublicRoom(me).ID)
	}
	for _, i := range []int{3, 0, 4} {
		harness.WaitAfter(other.SendText(rooms[i], "first").CreatedAt)
	}
	harness.WaitAfter(me.SendText(rooms[0], "mine").CreatedAt)
	deleted := other.SendText(rooms[3], "deleted")
	harness.WaitAfter(deleted.CreatedAt)
	other.Call("DELETE", harness.MessagePath(deleted), nil).ExpectStatus(204)

	type row struct{ id, messages, last, unread int64 }
	want := []row{{rooms[3], 1, 2, 1}, {rooms[0], 2, 2, 1}, {rooms[4], 1, 1, 1}, {rooms[2], 0, 0, 0}, {rooms[1], 0, 0, 0}}
	list := func(query string) (got []row) {
		for _, r := range slices.Concat(harness.AllPages[models.Room](me, "/v1/rooms?"+query)...) {
			if r.MemberCount != 2 || r.Membership == nil || r.Membership.Role != models.RoleMember {
				t.Errorf("got %+v", r)
			}
			got = append(got, row{r.ID, r.MessageCount, r.LastMessageID, r.Membership.UnreadCount})
		}
		return got
	}
	for _, limit := range []int{1, 2, 3, 5, 200} {
		if got := list(fmt.Sprint("limit=", limit)); !slices.Equal(got, want) {
			t.Errorf("with pages of %d: got %v, want %v", limit, got, want)
		}
	}
	if got := list("limit=2&unread=true"); !slices.Equal(got, want[:3]) {
		t.Errorf("got the unread rooms %v, want %v", got, want[:3])
	}
	if got := list("limit=200&unread=false"); !slices.Equal(got, want) {
		t.Errorf("got the rooms %v, want %v", got, want)
	}
}

// testRoomsSince checks that a room is in the list of changed rooms after each kind of change.
func testRoomsSince(t *testing.T, c *harness.Client) {
	owner, other := c.NewGuest("ada"), c.NewGuest("grace")
	owner.CreatePublicRoom() // this one does not change
	room := owner.CreatePublicRoom()
	path := harness.RoomPath(room.ID)
	var m models.Message
	for _, change := range []struct {
		name    string
		do      func()
		updates bool // changes updated_at, the time of the room's last change
		active  bool // changes active_at, the time of its last message
	}{
		{"a name", func() {
			owner.Call("PATCH", path, models.RoomChange{Name: harness.Ptr("other")}).ExpectStatus(200)
		}, true, false},
		{"a member", func() { other.JoinRoom(room.ID) }, false, false},
		{"a role", func() { owner.AddMember(room.ID, other, models.RoleModerator) }, false, false},
		{"a message", func() { m = owner.SendText(room.ID, "text") }, true, true},
		{"a reaction", func() { owner.Call("PUT", reactionPath(m, "👍"), nil).ExpectStatus(200) }, false, false},
		{"a pin", func() { owner.Call("PUT", pinPath(m), nil).ExpectStatus(200) }, false, false},
		{"an edit", func() {
			owner.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "other"}).ExpectStatus(200)
		}, false, false},
		{"a deletion", func() { owner.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204) }, false, false},
		{"a clear", func() {
			owner.SendText(room.ID, "more")
			owner.Call("DELETE", path+"/messages", nil).ExpectStatus(204)
		}, true, true},
		{"a member who leaves", func() { other.Call("DELETE", path+"/members/me", nil).ExpectStatus(204) }, false, false},
		{"a ban", func() {
			owner.Call("PUT", harness.BanPath(room.ID, other), models.NewBan{}).ExpectStatus(200)
		}, false, false},
	} {
		since := harness.WaitAfter(models.Now())
		query := "/v1/rooms?since=" + url.QueryEscape(since.Format("2006-01-02T15:04:05.000Z07:00"))
		if got := harness.Get[models.Page[models.Room]](owner, query).Items; len(got) != 0 {
			t.Errorf("before %s: got the changed rooms %+v", change.name, got)
		}
		change.do()
		got := harness.Get[models.Page[models.Room]](owner, query).Items
		if len(got) != 1 || got[0].ID != room.ID {
			t.Errorf("after %s: got the changed rooms %+v", change.name, got)
		} else if got[0].UpdatedAt.Before(since.Time) == change.updates ||
			got[0].ActiveAt.Before(since.Time) == change.active {
			t.Errorf("after %s: got updated_at %v and active_at %v", change.name, got[0].UpdatedAt, got[0].ActiveAt)
		}
	}
}

// testPrivateRoom checks that an outsider gets the same response from each route of a private room as for an unknown
// room.
func testPrivateRoom(t *testing.T, c *harness.Client) {
	owner, member, outsider := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	room := owner.CreateRoom(models.NewRoom{Handle: harness.Ptr(harness.UniqueName("secret")),
		Kind: harness.Ptr(models.RoomPrivate)})
	owner.AddMember(room.ID, member, models.RoleMember)
	m := owner.SendText(room.ID, "hush")
	streamID := outsider.OpenStream("").Ready.StreamID

	const unknownRoom = 999_999_999
	for _, route := range []struct {
		method, path string
		body         any
	}{
		{"GET", "", nil},
		{"PATCH", "", models.RoomChange{Name: harness.Ptr("n")}},
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
		want := outsider.Call(route.method, harness.RoomPath(unknownRoom)+route.path, route.body)
		want.ExpectProblem(404, models.CodeNotFound)
		for _, path := range []string{harness.RoomPath(room.ID), harness.HandlePath(room.Handle)} {
			got := outsider.Call(route.method, path+route.path, route.body)
			got.ExpectProblem(404, models.CodeNotFound)
			if got.Without("request_id") != want.Without("request_id") {
				t.Errorf("got %v\nwant %v as for an unknown room", got, want)
			}
		}
	}
	target := func(handle string) *harness.Response {
		return outsider.Call("POST", "/v1/messages",
			models.TargetedMessage{Target: "#" + handle, NewMessage: models.NewMessage{Text: "x"}})
	}
	if got, want := target(room.Handle),
		target(harness.UniqueName("none")); got.Without("request_id") != want.Without("request_id") {
		t.Errorf("got %v\nwant %v as for an unknown room", got, want)
	}
	if got := member.GetRoom(room.ID); got.Kind != models.RoomPrivate || got.MemberCount != 2 || got.MessageCount != 1 {
		t.Errorf("a member got %+v", got)
	}
}

func testSubject(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	s := me.OpenStream("")
	subject := harness.UniqueName("advert ü/?&")
	var ids []int64
	for range 3 {
		room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("n"), Subject: &subject})
		s.Expect(models.EventRoomCreated, nil)
		ids = append(ids, room.ID)
		if room.Subject != subject {
			t.Errorf("got %+v", room)
		}
	}
	me.CreatePublicRoom()
	s.Expect(models.EventRoomCreated, nil)
	var got []int64
	for _, r := range slices.Concat(harness.AllPages[models.Room](me,
		"/v1/rooms?limit=2&subject="+url.QueryEscape(subject))...) {
		got = append(got, r.ID)
	}
	slices.Sort(got)
	if !slices.Equal(got, ids) {
		t.Errorf("got the subject's rooms %v, want %v", got, ids)
	}
	// All events of the room have its subject.
	other.JoinRoom(ids[0])
	var joined models.MemberEvent
	s.Expect(models.EventMemberJoined, &joined)
	if joined.Subject != subject {
		t.Errorf("got the event %+v", joined)
	}
	var data models.Message
	m := other.SendText(ids[0], "about it")
	s.Expect(models.EventMessageNotification, &data)
	if m.Subject != subject || data.Subject != subject {
		t.Errorf("got %+v and the event %+v", m, data)
	}
	inRoom := me.OpenStream(fmt.Sprintf("room=%d", ids[0]))
	var entered models.PresenceEvent
	inRoom.Expect(models.EventPresenceEntered, &entered)
	if entered.Subject != subject {
		t.Errorf("got the event %+v", entered)
	}
}

func testDirectRooms(t *testing.T, c *harness.Client) {
	one, other, outsider := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	s := other.OpenStream("")
	var room models.Room
	a := one.Call("PUT", harness.DirectPath(other), nil).ExpectStatus(200).Decode(&room)
	if room.Kind != models.RoomDirect || room.OwnerID != 0 || room.MemberCount != 2 || room.Membership == nil ||
		room.Membership.Role != models.RoleMember {
		t.Errorf("got %+v", room)
	}
	if e := s.Expect(models.EventRoomCreated, nil); e.ID != a.EventID() {
		t.Errorf("got the event %v for %v", e, a)
	}
	for _, again := range []*harness.Response{
		one.Call("PUT", harness.DirectPath(other), nil),
		other.Call("PUT", "/v1/users/@"+strings.ToUpper(one.User.Username)+"/direct", nil),
	} {
		var same models.Room
		again.ExpectStatus(200).ExpectNoEvent().Decode(&same)
		if same.ID != room.ID {
			t.Errorf("got a second direct room: %+v", same)
		}
	}
	one.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectProblem(403, models.CodeForbidden)
	one.Call("PATCH", harness.RoomPath(room.ID), models.RoomChange{Name: harness.Ptr("us")}).
		ExpectProblem(403, models.CodeForbidden)
	one.Call("PUT", harness.MemberPath(room.ID, outsider), models.RoleChange{}).ExpectProblem(403, models.CodeForbidden)
	one.Call("DELETE", harness.MemberPath(room.ID, other), nil).ExpectProblem(403, models.CodeForbidden)
	one.Call("PUT", harness.BanPath(room.ID, other), models.NewBan{}).ExpectProblem(403, models.CodeForbidden)
	outsider.Call("GET", harness.RoomPath(room.ID), nil).ExpectProblem(404, models.CodeNotFound)
	outsider.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil).ExpectProblem(404, models.CodeNotFound)

	one.Call("PUT", "/v1/users/me/direct", nil).ExpectProblem(400, models.CodeInvalidRequest)
	one.Call("PUT", harness.DirectPath(one), nil).ExpectProblem(400, models.CodeInvalidRequest)
	one.Call("PUT", "/v1/users/999999999/direct", nil).ExpectProblem(404, models.CodeNotFound)
}

// testDirectRace lets two users open their direct room at the same moment, in both ways: they get the same room.
func testDirectRace(t *testing.T, c *harness.Client) {
	pair := [2]*harness.Client{c.NewGuest("ada"), c.NewGuest("grace")}
	streams := [2]*harness.Stream{pair[0].OpenStream(""), pair[1].OpenStream("")}
	var mu sync.Mutex
	rooms := map[int64]int{}
	var all sync.WaitGroup
	for i := range 32 {
		me, other := pair[i%2], pair[1-i%2]
		all.Go(func() {
			a, err := me.TryCall(t.Context(), "PUT", harness.DirectPath(other), nil)
			if i%4 < 2 {
				message := models.TargetedMessage{Target: "@" + other.User.Username, NewMessage: models.NewMessage{Text: "hi"}}
				a, err = me.TryCall(t.Context(), "POST", "/v1/messages", message)
			}
			if err != nil || a.HTTP.StatusCode >= 300 {
				t.Error(a, err)
				return
			}
			var got struct {
				ID     int64 `json:"id"`
				RoomID int64 `json:"room_id"`
			}
			a.Decode(&got)
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
		t.Errorf("got these rooms, with their numbers of responses: %v", rooms)
	}
	for i, s := range streams {
		s.Expect(models.EventRoomCreated, nil)
		for range 16 {
			if e := s.Next(); e.Name == string(models.EventRoomCreated) {
				t.Errorf("got the event twice: %v", e)
			}
		}
		if list := harness.Get[models.Page[models.Room]](pair[i], "/v1/rooms").Items; len(list) != 1 ||
			list[0].MessageCount != 16 {
			t.Errorf("got the rooms %+v", list)
		}
	}
}
