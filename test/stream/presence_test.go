package stream

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestPresence(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "created or notification", Play: testCreatedOrNotification},
		{Name: "entered and left", Play: testEnteredAndLeft},
		{Name: "leaving the room itself", Play: testPresenceEnds},
		{Name: "a replay", Play: testPresenceOnReplay},
		{Name: "streams and rooms that are not one's own", Play: testPresenceRefused},
	})
}

// testCreatedOrNotification: which of the two a stream gets is decided by whether it is in the room. The id is the
// same.
func testCreatedOrNotification(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	room, elsewhere := me.CreatePublicRoom(other), me.CreatePublicRoom(other)
	inside := other.OpenStream(fmt.Sprintf("room=%d&room=%d", room.ID, elsewhere.ID))
	for range 2 { // its own presence, in each of the two
		inside.Expect(models.EventPresenceEntered, nil)
	}
	outside := other.OpenStream("")
	sender := []*harness.Stream{me.OpenStream(""), me.OpenStream("")} // neither is in the room
	say := func(outsideGets models.EventName) {
		t.Helper()
		a := me.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "x", ClientID: harness.Ptr("mine")}).ExpectStatus(201)
		for s, want := range map[*harness.Stream]models.EventName{
			inside: models.EventMessageCreated, outside: outsideGets,
			sender[0]: models.EventMessageCreated, sender[1]: models.EventMessageCreated,
		} {
			var told models.Message
			if e := s.Expect(want, &told); e.ID != a.EventID() || told.ClientID != "mine" || told.Text != "x" {
				t.Errorf("told %v for %v", e, a)
			}
		}
	}
	say(models.EventMessageNotification)
	for range 2 { // repeating it changes nothing; and the user was there before, so nobody is told
		other.Call("PUT", harness.PresencePath(room.ID, outside), nil).ExpectStatus(204).ExpectNoEvent()
	}
	say(models.EventMessageCreated)
	for range 2 {
		other.Call("DELETE", harness.PresencePath(room.ID, outside), nil).ExpectStatus(204).ExpectNoEvent()
	}
	say(models.EventMessageNotification)
}

func testEnteredAndLeft(t *testing.T, c *harness.Client) {
	me, other, outsider := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	room := me.CreatePublicRoom(other, outsider)
	enter := fmt.Sprintf("room=%d", room.ID)
	mine, notInside := me.OpenStream(enter), outsider.OpenStream("")
	expect := func(name models.EventName, who *harness.Client) {
		t.Helper()
		var told models.PresenceEvent
		if e := mine.Expect(name, &told); e.ID != "" || told.RoomID != room.ID || told.User != who.User.Ref() {
			t.Errorf("wanted %s of %s, told %v", name, who.User.Username, e)
		}
	}
	expect(models.EventPresenceEntered, me)
	first := other.OpenStream(enter)
	expect(models.EventPresenceEntered, other)
	second := other.OpenStream(enter)
	first.Cancel() // the user's other stream is still there
	me.SendText(room.ID, "one")
	mine.Expect(models.EventMessageCreated, nil)
	other.Call("DELETE", harness.PresencePath(room.ID, second), nil).ExpectStatus(204)
	expect(models.EventPresenceLeft, other)
	other.Call("PUT", harness.PresencePath(room.ID, second), nil).ExpectStatus(204)
	expect(models.EventPresenceEntered, other)
	second.Cancel()
	expect(models.EventPresenceLeft, other)

	for range 2 { // to who is not in the room, nothing of it all
		notInside.Expect(models.EventMessageNotification, nil)
		me.SendText(room.ID, "two")
	}
}

// testPresenceEnds: who is no longer a member is no longer in the room.
func testPresenceEnds(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	for _, way := range []struct {
		event models.EventName
		leave func(room models.Room)
	}{
		{models.EventMemberLeft, func(room models.Room) {
			other.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
		}},
		{models.EventMemberBanned, func(room models.Room) {
			me.Call("PUT", harness.BanPath(room.ID, other), models.NewBan{}).ExpectStatus(200)
		}},
	} {
		room := me.CreatePublicRoom(other)
		mine, others := me.OpenStream(fmt.Sprintf("room=%d", room.ID)), other.OpenStream(fmt.Sprintf("room=%d", room.ID))
		for range 2 {
			mine.Expect(models.EventPresenceEntered, nil)
		}
		others.Expect(models.EventPresenceEntered, nil)
		way.leave(room)
		mine.Expect(way.event, nil)
		mine.Expect(models.EventPresenceLeft, nil)
		others.Expect(way.event, nil)
		members := harness.Get[models.Page[models.Member]](me, harness.RoomPath(room.ID)+"/members?present=true").Items
		if len(members) != 1 || members[0].User.ID != me.User.ID {
			t.Errorf("in the room are %+v", members)
		}
		me.Call("DELETE", harness.BanPath(room.ID, other), nil).ExpectStatus(204)
		other.JoinRoom(room.ID) // membership comes back, presence does not
		others.Expect(models.EventMemberJoined, nil)
		me.SendText(room.ID, "x")
		others.Expect(models.EventMessageNotification, nil)
		me.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
		others.Expect(models.EventRoomDeleted, nil)
		mine.Cancel()
		others.Cancel()
	}
}

func testPresenceOnReplay(_ *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	room := me.CreatePublicRoom(other)
	cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	me.SendText(room.ID, "mine")
	other.SendText(room.ID, "other's")
	s := me.OpenStream("last_event_id=" + cursor)
	s.Expect(models.EventMessageCreated, nil)
	s.Expect(models.EventMessageNotification, nil)
	inside := me.OpenStream(fmt.Sprintf("room=%d&last_event_id=%s", room.ID, cursor))
	inside.Expect(models.EventPresenceEntered, nil)
	inside.Expect(models.EventMessageCreated, nil)
	inside.Expect(models.EventMessageCreated, nil)
}

func testPresenceRefused(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	room, foreign := me.CreatePublicRoom(other), me.CreatePublicRoom()
	mine, others := me.OpenStream(""), other.OpenStream("")
	for _, method := range []string{"PUT", "DELETE"} {
		me.Call(method, harness.RoomPath(room.ID)+"/presence/unknown", nil).ExpectProblem(404, models.CodeNotFound)
		me.Call(method, harness.PresencePath(999_999_999, mine), nil).ExpectProblem(404, models.CodeNotFound)
	}
	me.Call("PUT", harness.PresencePath(room.ID, others), nil).ExpectProblem(404, models.CodeNotFound)
	other.Call("PUT", harness.PresencePath(room.ID, others), nil).ExpectStatus(204)
	me.Call("DELETE", harness.PresencePath(room.ID, others), nil).ExpectStatus(204) // and it stays there
	present := harness.Get[models.Page[models.Member]](me, harness.RoomPath(room.ID)+"/members?present=true").Items
	if len(present) != 1 || present[0].User.ID != other.User.ID {
		t.Errorf("in the room are %+v", present)
	}
	other.Call("DELETE", harness.PresencePath(room.ID, others), nil).ExpectStatus(204)
	ended := me.OpenStream("")
	ended.Cancel()
	harness.Eventually(t, "a stream that has ended enters no room", func() bool {
		return me.Call("PUT", harness.PresencePath(room.ID, ended), nil).HTTP.StatusCode == 404
	})
	for _, gone := range []string{ended.Ready.StreamID, strings.Repeat("A", 26)} {
		me.Call("PUT", harness.RoomPath(room.ID)+"/presence/"+gone, nil).ExpectProblem(404, models.CodeNotFound)
		me.Call("DELETE", harness.RoomPath(room.ID)+"/presence/"+gone, nil).ExpectStatus(204)
	}
	other.Call("PUT", harness.PresencePath(foreign.ID, others), nil).ExpectProblem(403, models.CodeForbidden)
	// Rooms in ?room= of which one is no member are passed over.
	secret := me.CreatePrivateRoom()
	s := other.OpenStream(fmt.Sprintf("room=%d&room=%d&room=999999999&room=%d", foreign.ID, secret.ID, room.ID))
	var entered models.PresenceEvent
	s.Expect(models.EventPresenceEntered, &entered)
	if entered.RoomID != room.ID {
		t.Errorf("entered %+v", entered)
	}
	for _, r := range []models.Room{foreign, secret, room} {
		me.SendText(r.ID, "x")
	}
	var told models.Message
	s.Expect(models.EventMessageCreated, &told)
	if told.RoomID != room.ID {
		t.Errorf("told %+v", told)
	}
	for _, r := range []models.Room{foreign, secret} {
		if here := harness.Get[models.Page[models.Member]](me, harness.RoomPath(r.ID)+"/members?present=true").Items; len(here) != 0 {
			t.Errorf("in the room are %+v", here)
		}
	}
}
