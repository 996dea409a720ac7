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
		{Name: "created or notification", Run: testCreatedOrNotification},
		{Name: "entered and left", Run: testEnteredAndLeft},
		{Name: "presence ends with membership", Run: testPresenceEndsWithMembership},
		{Name: "replayed messages", Run: testPresenceOnReplay},
		{Name: "other users' streams and rooms", Run: testPresenceRefused},
	})
}

// testCreatedOrNotification checks that a stream that is present in the room gets message.created, and another one
// message.notification, with the same id. The sender's streams always get message.created.
func testCreatedOrNotification(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	room, otherRoom := me.CreatePublicRoom(other), me.CreatePublicRoom(other)
	present := other.OpenStream(fmt.Sprintf("room=%d&room=%d", room.ID, otherRoom.ID))
	for range 2 { // its own presence in each of the two rooms
		present.Expect(models.EventPresenceEntered, nil)
	}
	absent := other.OpenStream("")
	sender := []*harness.Stream{me.OpenStream(""), me.OpenStream("")} // neither is present in the room
	expectMessage := func(atAbsent models.EventName) {
		t.Helper()
		message := models.NewMessage{Text: "x", ClientID: harness.Ptr("mine")}
		a := me.Call("POST", harness.RoomPath(room.ID)+"/messages", message).ExpectStatus(201)
		for s, want := range map[*harness.Stream]models.EventName{
			present: models.EventMessageCreated, absent: atAbsent,
			sender[0]: models.EventMessageCreated, sender[1]: models.EventMessageCreated,
		} {
			var received models.Message
			if e := s.Expect(want, &received); e.ID != a.EventID() || received.ClientID != "mine" || received.Text != "x" {
				t.Errorf("got %v for %v", e, a)
			}
		}
	}
	expectMessage(models.EventMessageNotification)
	for range 2 { // a repetition changes nothing, and there is no event because the user was present before
		other.Call("PUT", harness.PresencePath(room.ID, absent), nil).ExpectStatus(204).ExpectNoEvent()
	}
	expectMessage(models.EventMessageCreated)
	for range 2 {
		other.Call("DELETE", harness.PresencePath(room.ID, absent), nil).ExpectStatus(204).ExpectNoEvent()
	}
	expectMessage(models.EventMessageNotification)
}

func testEnteredAndLeft(t *testing.T, c *harness.Client) {
	me, other, outsider := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	room := me.CreatePublicRoom(other, outsider)
	enter := fmt.Sprintf("room=%d", room.ID)
	mine, absent := me.OpenStream(enter), outsider.OpenStream("")
	expect := func(name models.EventName, user *harness.Client) {
		t.Helper()
		var data models.PresenceEvent
		if e := mine.Expect(name, &data); e.ID != "" || data.RoomID != room.ID || data.User != user.User.Ref() {
			t.Errorf("got %v, want %s of %s", e, name, user.User.Username)
		}
	}
	expect(models.EventPresenceEntered, me)
	first := other.OpenStream(enter)
	expect(models.EventPresenceEntered, other)
	second := other.OpenStream(enter)
	first.Cancel() // the user's other stream is still present
	me.SendText(room.ID, "one")
	mine.Expect(models.EventMessageCreated, nil)
	other.Call("DELETE", harness.PresencePath(room.ID, second), nil).ExpectStatus(204)
	expect(models.EventPresenceLeft, other)
	other.Call("PUT", harness.PresencePath(room.ID, second), nil).ExpectStatus(204)
	expect(models.EventPresenceEntered, other)
	second.Cancel()
	expect(models.EventPresenceLeft, other)

	for range 2 { // a stream that is not present gets no presence events
		absent.Expect(models.EventMessageNotification, nil)
		me.SendText(room.ID, "two")
	}
}

// testPresenceEndsWithMembership checks that a user who is no longer a member is no longer present.
func testPresenceEndsWithMembership(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	for _, end := range []struct {
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
		end.leave(room)
		mine.Expect(end.event, nil)
		mine.Expect(models.EventPresenceLeft, nil)
		others.Expect(end.event, nil)
		members := harness.Get[models.Page[models.Member]](me, harness.RoomPath(room.ID)+"/members?present=true").Items
		if len(members) != 1 || members[0].User.ID != me.User.ID {
			t.Errorf("the present members are %+v, want only %s", members, me.User.Username)
		}
		me.Call("DELETE", harness.BanPath(room.ID, other), nil).ExpectStatus(204)
		other.JoinRoom(room.ID) // restores the membership, but not the presence
		others.Expect(models.EventMemberJoined, nil)
		me.SendText(room.ID, "x")
		others.Expect(models.EventMessageNotification, nil)
		me.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
		others.Expect(models.EventRoomDeleted, nil)
		mine.Cancel()
		others.Cancel()
	}
}

// testPresenceOnReplay checks that a replay sends message.created or message.notification by the stream's presence at
// the time of the replay.
func testPresenceOnReplay(_ *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	room := me.CreatePublicRoom(other)
	cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	me.SendText(room.ID, "mine")
	other.SendText(room.ID, "other's")
	s := me.OpenStream("last_event_id=" + cursor)
	s.Expect(models.EventMessageCreated, nil)
	s.Expect(models.EventMessageNotification, nil)
	present := me.OpenStream(fmt.Sprintf("room=%d&last_event_id=%s", room.ID, cursor))
	present.Expect(models.EventPresenceEntered, nil)
	present.Expect(models.EventMessageCreated, nil)
	present.Expect(models.EventMessageCreated, nil)
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
	me.Call("DELETE", harness.PresencePath(room.ID, others), nil).ExpectStatus(204) // has no effect
	present := harness.Get[models.Page[models.Member]](me, harness.RoomPath(room.ID)+"/members?present=true").Items
	if len(present) != 1 || present[0].User.ID != other.User.ID {
		t.Errorf("the present members are %+v, want only %s", present, other.User.Username)
	}
	other.Call("DELETE", harness.PresencePath(room.ID, others), nil).ExpectStatus(204)
	ended := me.OpenStream("")
	ended.Cancel()
	harness.Eventually(t, "a stream that has ended cannot enter a room", func() bool {
		return me.Call("PUT", harness.PresencePath(room.ID, ended), nil).HTTP.StatusCode == 404
	})
	for _, gone := range []string{ended.Ready.StreamID, strings.Repeat("A", 26)} {
		me.Call("PUT", harness.RoomPath(room.ID)+"/presence/"+gone, nil).ExpectProblem(404, models.CodeNotFound)
		me.Call("DELETE", harness.RoomPath(room.ID)+"/presence/"+gone, nil).ExpectStatus(204)
	}
	other.Call("PUT", harness.PresencePath(foreign.ID, others), nil).ExpectProblem(403, models.CodeForbidden)
	// Rooms in ?room= of which the user is not a member are ignored.
	secret := me.CreatePrivateRoom()
	s := other.OpenStream(fmt.Sprintf("room=%d&room=%d&room=999999999&room=%d", foreign.ID, secret.ID, room.ID))
	var entered models.PresenceEvent
	s.Expect(models.EventPresenceEntered, &entered)
	if entered.RoomID != room.ID {
		t.Errorf("got %+v, want room %d", entered, room.ID)
	}
	for _, r := range []models.Room{foreign, secret, room} {
		me.SendText(r.ID, "x")
	}
	var received models.Message
	s.Expect(models.EventMessageCreated, &received)
	if received.RoomID != room.ID {
		t.Errorf("got %+v, want a message in room %d", received, room.ID)
	}
	for _, r := range []models.Room{foreign, secret} {
		present := harness.Get[models.Page[models.Member]](me, harness.RoomPath(r.ID)+"/members?present=true").Items
		if len(present) != 0 {
			t.Errorf("the present members are %+v, want none", present)
		}
	}
}
