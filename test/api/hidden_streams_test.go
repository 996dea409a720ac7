package api

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestStreamsHideForeignRooms checks that streams and polls return no event of a room of which the user was not a
// member at the time.
func TestStreamsHideForeignRooms(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "events of a private room", Run: func(t *testing.T, c *harness.Client) {
			testHiddenEvents(t, c, models.RoomPrivate)
		}},
		{Name: "events of a public room", Run: func(t *testing.T, c *harness.Client) {
			testHiddenEvents(t, c, models.RoomPublic)
		}},
		{Name: "events of a direct room", Run: testHiddenDirect},
		{Name: "events before and after a membership", Run: testHiddenOutsideMembership},
		{Name: "two memberships", Run: testHiddenBetweenMemberships},
	})
}

// outsiders are the users who are not members of a room, by the reason.
type outsiders map[string]*harness.Client

// outsidersOf creates outsiders of the owner's room. Each is a member of the common room, which gets the last message.
func outsidersOf(owner *harness.Client, room, common models.Room) outsiders {
	owner.T.Helper()
	all := outsiders{
		"a stranger": owner.NewGuest("stranger"), "a former member who left": owner.NewGuest("left"),
		"a removed member": owner.NewGuest("removed"), "a banned member": owner.NewGuest("banned"),
		"a banned user who was never a member": owner.NewGuest("kept-out"),
	}
	for name, user := range all {
		user.JoinRoom(common.ID)
		if name != "a stranger" && name != "a banned user who was never a member" {
			owner.AddMember(room.ID, user, models.RoleMember)
		}
	}
	all["a former member who left"].Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
	owner.Call("DELETE", harness.MemberPath(room.ID, all["a removed member"]), nil).ExpectStatus(204)
	for _, name := range []string{"a banned member", "a banned user who was never a member"} {
		owner.Call("PUT", harness.BanPath(room.ID, all[name]), models.NewBan{}).ExpectStatus(200)
	}
	return all
}

// eventsUntil reads the stream up to the mark, and returns the names of the events before it.
func eventsUntil(s *harness.Stream, mark models.Message) (names []string) {
	s.T.Helper()
	for {
		var about struct {
			ID     int64 `json:"id"`
			RoomID int64 `json:"room_id"`
		}
		e := s.Next()
		if err := e.Decode(&about); err != nil {
			s.T.Fatal(err)
		}
		if about.RoomID == mark.RoomID && about.ID == mark.ID {
			return names
		}
		names = append(names, e.Name)
	}
}

// roomEvents are the events that a stream in the room gets of causeRoomEvents.
var roomEvents = []models.EventName{
	models.EventPresenceEntered, models.EventMessageCreated, models.EventMessageEdited, models.EventReactionAdded,
	models.EventReactionRemoved, models.EventPinAdded, models.EventPinRemoved, models.EventTyping, models.EventMessageRead,
	models.EventMessageDeleted, models.EventRoomUpdated, models.EventMemberJoined, models.EventMemberUpdated,
	models.EventMemberLeft, models.EventMemberBanned, models.EventMessageCreated, models.EventMessageCreated,
	models.EventHistoryCleared,
	models.EventPresenceLeft,
}

// causeRoomEvents does everything in a room that causes an event. The member is in the room already.
func causeRoomEvents(owner, member *harness.Client, room models.Room) {
	owner.T.Helper()
	path, presenceStream, other := harness.RoomPath(room.ID), owner.OpenStream(""), owner.NewGuest("other")
	owner.Call("PUT", harness.PresencePath(room.ID, presenceStream), nil).ExpectStatus(204)
	m := owner.SendText(room.ID, "words")
	owner.Call("PATCH", harness.MessagePath(m), models.MessageEdit{Text: "other words"}).ExpectStatus(200)
	owner.Call("PUT", harness.MessagePath(m)+"/reactions/👍", nil).ExpectStatus(200)
	owner.Call("DELETE", harness.MessagePath(m)+"/reactions/👍", nil).ExpectStatus(204)
	owner.Call("PUT", fmt.Sprintf("%s/pins/%d", path, m.ID), nil).ExpectStatus(200)
	owner.Call("DELETE", fmt.Sprintf("%s/pins/%d", path, m.ID), nil).ExpectStatus(204)
	owner.Call("POST", path+"/typing", nil).ExpectStatus(204)
	member.Call("PUT", path+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200)
	owner.Call("DELETE", harness.MessagePath(m), nil).ExpectStatus(204)
	owner.Call("PATCH", path, models.RoomChange{Description: harness.Ptr("about other things")}).ExpectStatus(200)
	owner.AddMember(room.ID, other, models.RoleMember)
	owner.AddMember(room.ID, other, models.RoleModerator)
	owner.Call("DELETE", harness.MemberPath(room.ID, other), nil).ExpectStatus(204)
	owner.Call("PUT", harness.BanPath(room.ID, other), models.NewBan{}).ExpectStatus(200)
	owner.SendText(room.ID, "more words")
	sendNamedPicture(owner, room.ID, "a picture")
	owner.Call("DELETE", path+"/messages", nil).ExpectStatus(204)
	owner.Call("DELETE", harness.PresencePath(room.ID, presenceStream), nil).ExpectStatus(204)
}

// testHiddenEvents checks that outsiders get no event of a room, though their streams ask to enter it, and that the
// members get no event of the outsiders. The deletion of a public room is an event for all.
func testHiddenEvents(t *testing.T, c *harness.Client, kind models.RoomKind) {
	owner, member := c.NewGuest("ada"), c.NewGuest("grace")
	common := owner.CreatePublicRoom(member)
	room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: &kind})
	owner.AddMember(room.ID, member, models.RoleMember)
	out := outsidersOf(owner, room, common)
	enter := fmt.Sprintf("room=%d", room.ID)
	inRoom := member.OpenStream(enter)
	inRoom.Expect(models.EventPresenceEntered, nil)
	streams := map[string]*harness.Stream{}
	for name, user := range out {
		streams[name] = user.OpenStream(enter)
	}
	present := harness.Get[models.Page[models.Member]](owner, harness.RoomPath(room.ID)+"/members?present=true").Items
	if len(present) != 1 {
		t.Errorf("got the present members %+v", present)
	}
	causeRoomEvents(owner, member, room)
	mark := owner.SendText(common.ID, "the mark")
	// Typing and presence are not in the log: they may arrive before an earlier event of the log.
	got := slices.Sorted(slices.Values(eventsUntil(inRoom, mark)))
	wantEvents(t, "a member", got, slices.Sorted(slices.Values(roomEvents))...)
	for name, s := range streams {
		wantEvents(t, name, eventsUntil(s, mark))
	}
	owner.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
	mark = owner.SendText(common.ID, "the end")
	for name, s := range streams {
		if kind == models.RoomPublic {
			wantEvents(t, name, eventsUntil(s, mark), models.EventRoomDeleted)
		} else {
			wantEvents(t, name, eventsUntil(s, mark))
		}
	}
}

// testHiddenDirect checks that nobody but its two members gets events of a direct room, from its creation on.
func testHiddenDirect(t *testing.T, c *harness.Client) {
	me, other, stranger := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	common := me.CreatePublicRoom(stranger)
	early := stranger.OpenStream("")
	var room models.Room
	me.Call("PUT", fmt.Sprintf("/v1/users/%d/direct", other.User.ID), nil).ExpectStatus(200).Decode(&room)
	enter := fmt.Sprintf("room=%d", room.ID)
	late, inRoom := stranger.OpenStream(enter), me.OpenStream(enter)
	inRoom.Expect(models.EventPresenceEntered, nil)
	otherStream := other.OpenStream(enter)
	m := me.SendText(room.ID, "between us")
	other.Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
	other.Call("PUT", harness.RoomPath(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200)
	otherStream.Cancel()
	var got []string
	for range 5 {
		got = append(got, inRoom.Next().Name)
	}
	wantEvents(t, "a member", slices.Sorted(slices.Values(got)), models.EventMessageCreated, models.EventMessageRead,
		models.EventPresenceEntered, models.EventPresenceLeft, models.EventTyping)
	mark := me.SendText(common.ID, "the mark")
	wantEvents(t, "a stranger", eventsUntil(early, mark))
	wantEvents(t, "a stranger who asks to enter", eventsUntil(late, mark))
}

// testHiddenOutsideMembership checks that a resumed stream and a poll return exactly the room's events from the time of
// the user's membership, its end included, and none to a user who was never a member.
func testHiddenOutsideMembership(_ *testing.T, c *harness.Client) {
	for _, kind := range []models.RoomKind{models.RoomPublic, models.RoomPrivate} {
		for _, end := range []struct {
			event models.EventName
			by    func(owner, user *harness.Client, room models.Room)
		}{
			{models.EventMemberLeft, func(_, user *harness.Client, room models.Room) {
				user.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
			}},
			{models.EventMemberLeft, func(owner, user *harness.Client, room models.Room) {
				owner.Call("DELETE", harness.MemberPath(room.ID, user), nil).ExpectStatus(204)
			}},
			{models.EventMemberBanned, func(owner, user *harness.Client, room models.Room) {
				owner.Call("PUT", harness.BanPath(room.ID, user), models.NewBan{}).ExpectStatus(200)
			}},
		} {
			owner, user, member, stranger := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("mary"), c.NewGuest("eve")
			common := owner.CreatePublicRoom(user, stranger)
			room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: &kind})
			owner.AddMember(room.ID, member, models.RoleMember)
			start := eventCursor(owner)
			causeRoomEvents(owner, member, room)
			owner.AddMember(room.ID, user, models.RoleMember)
			m := owner.SendText(room.ID, "for them too")
			owner.Call("PUT", harness.MessagePath(m)+"/reactions/👍", nil).ExpectStatus(200)
			end.by(owner, user, room)
			ended := eventCursor(owner)
			causeRoomEvents(owner, member, room)
			mark := owner.SendText(common.ID, "the mark")

			what := fmt.Sprintf("%s room, %s", kind, end.event)
			// The message has been cleared since.
			expectEventsSince(user, start, room, mark, what, models.EventMemberJoined, models.EventReactionAdded, end.event)
			expectEventsSince(user, ended, room, mark, what+", after the end")
			expectEventsSince(stranger, start, room, mark, what+", a stranger")
		}
	}
}

// testHiddenBetweenMemberships checks that the events between two memberships stay hidden from the user.
func testHiddenBetweenMemberships(_ *testing.T, c *harness.Client) {
	owner, user := c.NewGuest("ada"), c.NewGuest("grace")
	common, room := owner.CreatePublicRoom(user), owner.CreatePrivateRoom()
	start := eventCursor(owner)
	joinAndLeave := func() {
		owner.SendText(room.ID, "not for them")
		owner.AddMember(room.ID, user, models.RoleMember)
		owner.SendText(room.ID, "for them")
		owner.Call("DELETE", harness.MemberPath(room.ID, user), nil).ExpectStatus(204)
		owner.SendText(room.ID, "not for them either")
	}
	period := []models.EventName{models.EventMemberJoined, models.EventMessageCreated, models.EventMemberLeft}
	joinAndLeave()
	between := eventCursor(owner)
	joinAndLeave()
	mark := owner.SendText(common.ID, "the mark")
	expectEventsSince(user, start, room, mark, "both", append(period, period...)...)
	expectEventsSince(user, between, room, mark, "the second", period...)
}

// expectEventsSince checks that a stream that resumes at the cursor and asks to enter the room gets exactly these
// events before the mark, and a poll as well. The stream gets notifications of messages, since it is not in the room.
func expectEventsSince(
	c *harness.Client, cursor string, room models.Room, mark models.Message, what string, want ...models.EventName,
) {
	c.T.Helper()
	want = slices.Clone(want)
	var polled []string
	items, _ := c.PollEvents("limit=200&after=" + cursor)
	for _, e := range items {
		polled = append(polled, string(e.Name))
	}
	wantEvents(c.T, what+", polled", polled, append(want, models.EventMessageCreated)...)
	for i, name := range want {
		if name == models.EventMessageCreated {
			want[i] = models.EventMessageNotification
		}
	}
	s := c.OpenStream(fmt.Sprintf("room=%d&last_event_id=%s", room.ID, cursor))
	wantEvents(c.T, what, eventsUntil(s, mark), want...)
}

// wantEvents compares the names of events, in order.
func wantEvents(t testing.TB, what string, got []string, want ...models.EventName) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(a string, b models.EventName) bool { return a == string(b) }) {
		t.Errorf("%s: got %q, want %q", what, got, want)
	}
}
