package api

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestHiddenFromStreams(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "what happens in a private room", Play: func(t *testing.T, c *harness.Client) { testHiddenHappenings(t, c, models.RoomPrivate) }},
		{Name: "what happens in a public room", Play: func(t *testing.T, c *harness.Client) { testHiddenHappenings(t, c, models.RoomPublic) }},
		{Name: "what happens in a direct room", Play: testHiddenDirect},
		{Name: "what came before and after", Play: testHiddenStretches},
		{Name: "two stretches", Play: testHiddenBetween},
	})
}

// outsiders are those who are not in a room, by how they came to be so.
type outsiders map[string]*harness.Client

// outsidersOf makes outsiders of the owner's room, each of them a member of a room where the mark will be set.
func outsidersOf(owner *harness.Client, room, common models.Room) outsiders {
	owner.T.Helper()
	all := outsiders{
		"a stranger": owner.NewGuest("stranger"), "one who left": owner.NewGuest("left"),
		"one who was removed": owner.NewGuest("removed"), "one who is banned": owner.NewGuest("banned"),
		"one who was banned before they came": owner.NewGuest("kept-out"),
	}
	for name, who := range all {
		who.JoinRoom(common.ID)
		if name != "a stranger" && name != "one who was banned before they came" {
			owner.AddMember(room.ID, who, models.RoleMember)
		}
	}
	all["one who left"].Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
	owner.Call("DELETE", harness.MemberPath(room.ID, all["one who was removed"]), nil).ExpectStatus(204)
	for _, name := range []string{"one who is banned", "one who was banned before they came"} {
		owner.Call("PUT", harness.BanPath(room.ID, all[name]), models.NewBan{}).ExpectStatus(200)
	}
	return all
}

// eventsUntil reads the stream to the mark and answers the names of the events before it.
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

// happenings are what those in a room are told of happen.
var happenings = []models.EventName{
	models.EventPresenceEntered, models.EventMessageCreated, models.EventMessageEdited, models.EventReactionAdded,
	models.EventReactionRemoved, models.EventPinAdded, models.EventPinRemoved, models.EventTyping, models.EventMessageRead,
	models.EventMessageDeleted, models.EventRoomUpdated, models.EventMemberJoined, models.EventMemberUpdated,
	models.EventMemberLeft, models.EventMemberBanned, models.EventMessageCreated, models.EventMessageCreated, models.EventHistoryCleared,
	models.EventPresenceLeft,
}

// happen does in a room all that can be done in one. The member, who reads, is in the room already.
func happen(owner, member *harness.Client, room models.Room) {
	owner.T.Helper()
	path, enters, other := harness.RoomPath(room.ID), owner.OpenReadyStream(""), owner.NewGuest("other")
	owner.Call("PUT", harness.PresencePath(room.ID, enters), nil).ExpectStatus(204)
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
	owner.Call("DELETE", harness.PresencePath(room.ID, enters), nil).ExpectStatus(204)
}

// testHiddenHappenings: whoever is not in a room hears of nothing in it, though their stream asks to enter it; and those
// in it do not hear of them. Of a public room all hear that it is gone.
func testHiddenHappenings(t *testing.T, c *harness.Client, kind models.RoomKind) {
	owner, member := c.NewGuest("ada"), c.NewGuest("grace")
	common := owner.CreatePublicRoom(member)
	room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: &kind})
	owner.AddMember(room.ID, member, models.RoleMember)
	out := outsidersOf(owner, room, common)
	enter := fmt.Sprintf("room=%d", room.ID)
	inside := member.OpenReadyStream(enter)
	inside.Expect(models.EventPresenceEntered, nil)
	streams := map[string]*harness.Stream{}
	for name, who := range out {
		streams[name] = who.OpenReadyStream(enter)
	}
	if here := harness.Get[models.Page[models.Member]](owner, harness.RoomPath(room.ID)+"/members?present=true").Items; len(here) != 1 {
		t.Errorf("in the room are %+v", here)
	}
	happen(owner, member, room)
	mark := owner.SendText(common.ID, "the mark")
	// Typing and presence are not in the log: they may come before what was logged earlier.
	wantEvents(t, "a member", slices.Sorted(slices.Values(eventsUntil(inside, mark))), slices.Sorted(slices.Values(happenings))...)
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

// testHiddenDirect: what two people do in their room is no one else's to hear, from its making on.
func testHiddenDirect(t *testing.T, c *harness.Client) {
	me, other, stranger := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	common := me.CreatePublicRoom(stranger)
	early := stranger.OpenReadyStream("")
	var room models.Room
	me.Call("PUT", fmt.Sprintf("/v1/users/%d/direct", other.User.ID), nil).ExpectStatus(200).Decode(&room)
	enter := fmt.Sprintf("room=%d", room.ID)
	late, inside := stranger.OpenReadyStream(enter), me.OpenReadyStream(enter)
	inside.Expect(models.EventPresenceEntered, nil)
	theirs := other.OpenReadyStream(enter)
	m := me.SendText(room.ID, "between us")
	other.Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
	other.Call("PUT", harness.RoomPath(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).ExpectStatus(200)
	theirs.Cancel()
	var told []string
	for range 5 {
		told = append(told, inside.Next().Name)
	}
	wantEvents(t, "the other one", slices.Sorted(slices.Values(told)), models.EventMessageCreated, models.EventMessageRead,
		models.EventPresenceEntered, models.EventPresenceLeft, models.EventTyping)
	mark := me.SendText(common.ID, "the mark")
	wantEvents(t, "a stranger", eventsUntil(early, mark))
	wantEvents(t, "a stranger who asks to enter", eventsUntil(late, mark))
}

// testHiddenStretches: a stream that comes back, and a poll, tell of a room exactly what happened while one was a member,
// the end of it included, and nothing when one never was.
func testHiddenStretches(_ *testing.T, c *harness.Client) {
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
			happen(owner, member, room)
			owner.AddMember(room.ID, user, models.RoleMember)
			m := owner.SendText(room.ID, "for them too")
			owner.Call("PUT", harness.MessagePath(m)+"/reactions/👍", nil).ExpectStatus(200)
			end.by(owner, user, room)
			ended := eventCursor(owner)
			happen(owner, member, room)
			mark := owner.SendText(common.ID, "the mark")

			what := fmt.Sprintf("%s room, %s", kind, end.event)
			// The message was cleared away since.
			expectEventsSince(user, start, room, mark, what, models.EventMemberJoined, models.EventReactionAdded, end.event)
			expectEventsSince(user, ended, room, mark, what+", from the end on")
			expectEventsSince(stranger, start, room, mark, what+", a stranger")
		}
	}
}

// testHiddenBetween: what happened between two stretches stays hidden from one who came back, and went again.
func testHiddenBetween(_ *testing.T, c *harness.Client) {
	owner, user := c.NewGuest("ada"), c.NewGuest("grace")
	common, room := owner.CreatePublicRoom(user), owner.CreatePrivateRoom()
	start := eventCursor(owner)
	stay := func() {
		owner.SendText(room.ID, "not for them")
		owner.AddMember(room.ID, user, models.RoleMember)
		owner.SendText(room.ID, "for them")
		owner.Call("DELETE", harness.MemberPath(room.ID, user), nil).ExpectStatus(204)
		owner.SendText(room.ID, "not for them either")
	}
	stretch := []models.EventName{models.EventMemberJoined, models.EventMessageCreated, models.EventMemberLeft}
	stay()
	between := eventCursor(owner)
	stay()
	mark := owner.SendText(common.ID, "the mark")
	expectEventsSince(user, start, room, mark, "both", append(stretch, stretch...)...)
	expectEventsSince(user, between, room, mark, "the second", stretch...)
}

// expectEventsSince wants a stream that comes back at the cursor, and asks to enter the room, to tell exactly these events before
// the mark, and a poll the same. Messages come as notifications to the stream: it is not in the room.
func expectEventsSince(c *harness.Client, cursor string, room models.Room, mark models.Message, what string, want ...models.EventName) {
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
	s := c.OpenReadyStream(fmt.Sprintf("room=%d&last_event_id=%s", room.ID, cursor))
	wantEvents(c.T, what, eventsUntil(s, mark), want...)
}

func wantEvents(t testing.TB, what string, got []string, want ...models.EventName) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(a string, b models.EventName) bool { return a == string(b) }) {
		t.Errorf("%s: was told %q, wanted %q", what, got, want)
	}
}
