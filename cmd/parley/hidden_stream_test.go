package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestHiddenFromStreams(t *testing.T) {
	play(t, []scenario{
		{"what happens in a private room", func(t *testing.T, c *client) { testHiddenHappenings(t, c, models.RoomPrivate) }},
		{"what happens in a public room", func(t *testing.T, c *client) { testHiddenHappenings(t, c, models.RoomPublic) }},
		{"what happens in a direct room", testHiddenDirect},
		{"what came before and after", testHiddenStretches},
		{"two stretches", testHiddenBetween},
	})
}

// outsiders are those who are not in a room, by how they came to be so.
type outsiders map[string]*client

// outsidersOf makes outsiders of the owner's room, each of them a member of a room where the mark will be set.
func outsidersOf(owner *client, room, common models.Room) outsiders {
	owner.t.Helper()
	all := outsiders{
		"a stranger": owner.newcomer("stranger"), "one who left": owner.newcomer("left"),
		"one who was removed": owner.newcomer("removed"), "one who is banned": owner.newcomer("banned"),
		"one who was banned before they came": owner.newcomer("kept-out"),
	}
	for name, who := range all {
		who.join(common.ID)
		if name != "a stranger" && name != "one who was banned before they came" {
			owner.add(room.ID, who, models.RoleMember)
		}
	}
	all["one who left"].call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
	owner.call("DELETE", memberPath(room.ID, all["one who was removed"]), nil).status(204)
	for _, name := range []string{"one who is banned", "one who was banned before they came"} {
		owner.call("PUT", banPath(room.ID, all[name]), models.NewBan{}).status(200)
	}
	return all
}

// until reads the stream to the mark and answers the names of the events before it.
func (s *stream) until(mark models.Message) (names []string) {
	s.t.Helper()
	for {
		var about struct {
			ID     int64 `json:"id"`
			RoomID int64 `json:"room_id"`
		}
		e := s.next()
		if err := e.into(&about); err != nil {
			s.t.Fatal(err)
		}
		if about.RoomID == mark.RoomID && about.ID == mark.ID {
			return names
		}
		names = append(names, e.name)
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
func happen(owner, member *client, room models.Room) {
	owner.t.Helper()
	path, enters, other := roomPath(room.ID), owner.open(""), owner.newcomer("other")
	owner.call("PUT", presencePath(room.ID, enters), nil).status(204)
	m := owner.say(room.ID, "words")
	owner.call("PATCH", messagePath(m), models.MessageEdit{Text: "other words"}).status(200)
	owner.call("PUT", messagePath(m)+"/reactions/👍", nil).status(200)
	owner.call("DELETE", messagePath(m)+"/reactions/👍", nil).status(204)
	owner.call("PUT", fmt.Sprintf("%s/pins/%d", path, m.ID), nil).status(200)
	owner.call("DELETE", fmt.Sprintf("%s/pins/%d", path, m.ID), nil).status(204)
	owner.call("POST", path+"/typing", nil).status(204)
	member.call("PUT", path+"/read", models.ReadMark{MessageID: m.ID}).status(200)
	owner.call("DELETE", messagePath(m), nil).status(204)
	owner.call("PATCH", path, models.RoomChange{Description: ptr("about other things")}).status(200)
	owner.add(room.ID, other, models.RoleMember)
	owner.add(room.ID, other, models.RoleModerator)
	owner.call("DELETE", memberPath(room.ID, other), nil).status(204)
	owner.call("PUT", banPath(room.ID, other), models.NewBan{}).status(200)
	owner.say(room.ID, "more words")
	owner.shows(room.ID, "a picture")
	owner.call("DELETE", path+"/messages", nil).status(204)
	owner.call("DELETE", presencePath(room.ID, enters), nil).status(204)
}

// testHiddenHappenings: whoever is not in a room hears of nothing in it, though their stream asks to enter it; and those
// in it do not hear of them. Of a public room all hear that it is gone.
func testHiddenHappenings(t *testing.T, c *client, kind models.RoomKind) {
	owner, member := c.newcomer("ada"), c.newcomer("grace")
	common := owner.publicRoom(member)
	room := owner.room(models.NewRoom{Name: ptr("room"), Kind: &kind})
	owner.add(room.ID, member, models.RoleMember)
	out := outsidersOf(owner, room, common)
	enter := fmt.Sprintf("room=%d", room.ID)
	inside := member.open(enter)
	inside.expect(models.EventPresenceEntered, nil)
	streams := map[string]*stream{}
	for name, who := range out {
		streams[name] = who.open(enter)
	}
	if here := get[models.Page[models.Member]](owner, roomPath(room.ID)+"/members?present=true").Items; len(here) != 1 {
		t.Errorf("in the room are %+v", here)
	}
	happen(owner, member, room)
	mark := owner.say(common.ID, "the mark")
	// Typing and presence are not in the log: they may come before what was logged earlier.
	wantEvents(t, "a member", slices.Sorted(slices.Values(inside.until(mark))), slices.Sorted(slices.Values(happenings))...)
	for name, s := range streams {
		wantEvents(t, name, s.until(mark))
	}
	owner.call("DELETE", roomPath(room.ID), nil).status(204)
	mark = owner.say(common.ID, "the end")
	for name, s := range streams {
		if kind == models.RoomPublic {
			wantEvents(t, name, s.until(mark), models.EventRoomDeleted)
		} else {
			wantEvents(t, name, s.until(mark))
		}
	}
}

// testHiddenDirect: what two people do in their room is no one else's to hear, from its making on.
func testHiddenDirect(t *testing.T, c *client) {
	me, other, stranger := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("eve")
	common := me.publicRoom(stranger)
	early := stranger.open("")
	var room models.Room
	me.call("PUT", fmt.Sprintf("/v1/users/%d/direct", other.User.ID), nil).status(200).into(&room)
	enter := fmt.Sprintf("room=%d", room.ID)
	late, inside := stranger.open(enter), me.open(enter)
	inside.expect(models.EventPresenceEntered, nil)
	theirs := other.open(enter)
	m := me.say(room.ID, "between us")
	other.call("POST", roomPath(room.ID)+"/typing", nil).status(204)
	other.call("PUT", roomPath(room.ID)+"/read", models.ReadMark{MessageID: m.ID}).status(200)
	theirs.cancel()
	var told []string
	for range 5 {
		told = append(told, inside.next().name)
	}
	wantEvents(t, "the other one", slices.Sorted(slices.Values(told)), models.EventMessageCreated, models.EventMessageRead,
		models.EventPresenceEntered, models.EventPresenceLeft, models.EventTyping)
	mark := me.say(common.ID, "the mark")
	wantEvents(t, "a stranger", early.until(mark))
	wantEvents(t, "a stranger who asks to enter", late.until(mark))
}

// testHiddenStretches: a stream that comes back, and a poll, tell of a room exactly what happened while one was a member,
// the end of it included, and nothing when one never was.
func testHiddenStretches(_ *testing.T, c *client) {
	for _, kind := range []models.RoomKind{models.RoomPublic, models.RoomPrivate} {
		for _, end := range []struct {
			event models.EventName
			by    func(owner, user *client, room models.Room)
		}{
			{models.EventMemberLeft, func(_, user *client, room models.Room) {
				user.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
			}},
			{models.EventMemberLeft, func(owner, user *client, room models.Room) {
				owner.call("DELETE", memberPath(room.ID, user), nil).status(204)
			}},
			{models.EventMemberBanned, func(owner, user *client, room models.Room) {
				owner.call("PUT", banPath(room.ID, user), models.NewBan{}).status(200)
			}},
		} {
			owner, user, member, stranger := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("mary"), c.newcomer("eve")
			common := owner.publicRoom(user, stranger)
			room := owner.room(models.NewRoom{Name: ptr("room"), Kind: &kind})
			owner.add(room.ID, member, models.RoleMember)
			start := owner.head()
			happen(owner, member, room)
			owner.add(room.ID, user, models.RoleMember)
			m := owner.say(room.ID, "for them too")
			owner.call("PUT", messagePath(m)+"/reactions/👍", nil).status(200)
			end.by(owner, user, room)
			ended := owner.head()
			happen(owner, member, room)
			mark := owner.say(common.ID, "the mark")

			what := fmt.Sprintf("%s room, %s", kind, end.event)
			// The message was cleared away since.
			user.wantSince(start, room, mark, what, models.EventMemberJoined, models.EventReactionAdded, end.event)
			user.wantSince(ended, room, mark, what+", from the end on")
			stranger.wantSince(start, room, mark, what+", a stranger")
		}
	}
}

// testHiddenBetween: what happened between two stretches stays hidden from one who came back, and went again.
func testHiddenBetween(_ *testing.T, c *client) {
	owner, user := c.newcomer("ada"), c.newcomer("grace")
	common, room := owner.publicRoom(user), owner.privateRoom()
	start := owner.head()
	stay := func() {
		owner.say(room.ID, "not for them")
		owner.add(room.ID, user, models.RoleMember)
		owner.say(room.ID, "for them")
		owner.call("DELETE", memberPath(room.ID, user), nil).status(204)
		owner.say(room.ID, "not for them either")
	}
	stretch := []models.EventName{models.EventMemberJoined, models.EventMessageCreated, models.EventMemberLeft}
	stay()
	between := owner.head()
	stay()
	mark := owner.say(common.ID, "the mark")
	user.wantSince(start, room, mark, "both", append(stretch, stretch...)...)
	user.wantSince(between, room, mark, "the second", stretch...)
}

// wantSince wants a stream that comes back at the cursor, and asks to enter the room, to tell exactly these events before
// the mark, and a poll the same. Messages come as notifications to the stream: it is not in the room.
func (c *client) wantSince(cursor string, room models.Room, mark models.Message, what string, want ...models.EventName) {
	c.t.Helper()
	want = slices.Clone(want)
	var polled []string
	items, _ := c.poll("limit=200&after=" + cursor)
	for _, e := range items {
		polled = append(polled, string(e.Name))
	}
	wantEvents(c.t, what+", polled", polled, append(want, models.EventMessageCreated)...)
	for i, name := range want {
		if name == models.EventMessageCreated {
			want[i] = models.EventMessageNotification
		}
	}
	s := c.open(fmt.Sprintf("room=%d&last_event_id=%s", room.ID, cursor))
	wantEvents(c.t, what, s.until(mark), want...)
}

func wantEvents(t testing.TB, what string, got []string, want ...models.EventName) {
	t.Helper()
	if !slices.EqualFunc(got, want, func(a string, b models.EventName) bool { return a == string(b) }) {
		t.Errorf("%s: was told %q, wanted %q", what, got, want)
	}
}
