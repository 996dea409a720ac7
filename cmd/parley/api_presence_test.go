package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestPresence(t *testing.T) {
	play(t, []scenario{
		{"created or notification", testCreatedOrNotification},
		{"entered and left", testEnteredAndLeft},
		{"leaving the room itself", testPresenceEnds},
		{"a replay", testPresenceOnReplay},
		{"streams and rooms that are not one's own", testPresenceRefused},
	})
}

func presencePath(roomID int64, s *stream) string {
	return fmt.Sprintf("%s/presence/%s", roomPath(roomID), s.ready.StreamID)
}

// testCreatedOrNotification: which of the two a stream gets is decided by whether it is in the room. The id is the same.
func testCreatedOrNotification(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	room, elsewhere := me.publicRoom(other), me.publicRoom(other)
	inside := other.open(fmt.Sprintf("room=%d&room=%d", room.ID, elsewhere.ID))
	for range 2 { // its own presence, in each of the two
		inside.expect(models.EventPresenceEntered, nil)
	}
	outside := other.open("")
	sender := []*stream{me.open(""), me.open("")} // neither is in the room
	say := func(outsideGets models.EventName) {
		t.Helper()
		a := me.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "x", ClientID: ptr("mine")}).status(201)
		for s, want := range map[*stream]models.EventName{
			inside: models.EventMessageCreated, outside: outsideGets,
			sender[0]: models.EventMessageCreated, sender[1]: models.EventMessageCreated,
		} {
			var told models.Message
			if e := s.expect(want, &told); e.id != a.eventID() || told.ClientID != "mine" || told.Text != "x" {
				t.Errorf("told %v for %v", e, a)
			}
		}
	}
	say(models.EventMessageNotification)
	for range 2 { // repeating it changes nothing; and the user was there before, so nobody is told
		other.call("PUT", presencePath(room.ID, outside), nil).status(204).quiet()
	}
	say(models.EventMessageCreated)
	for range 2 {
		other.call("DELETE", presencePath(room.ID, outside), nil).status(204).quiet()
	}
	say(models.EventMessageNotification)
}

func testEnteredAndLeft(t *testing.T, c *client) {
	me, other, outsider := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("eve")
	room := me.publicRoom(other, outsider)
	enter := fmt.Sprintf("room=%d", room.ID)
	mine, notInside := me.open(enter), outsider.open("")
	expect := func(name models.EventName, who *client) {
		t.Helper()
		var told models.PresenceEvent
		if e := mine.expect(name, &told); e.id != "" || told.RoomID != room.ID || told.User != who.User.Ref() {
			t.Errorf("wanted %s of %s, told %v", name, who.User.Username, e)
		}
	}
	expect(models.EventPresenceEntered, me)
	first := other.open(enter)
	expect(models.EventPresenceEntered, other)
	second := other.open(enter)
	first.cancel() // the user's other stream is still there
	me.say(room.ID, "one")
	mine.expect(models.EventMessageCreated, nil)
	other.call("DELETE", presencePath(room.ID, second), nil).status(204)
	expect(models.EventPresenceLeft, other)
	other.call("PUT", presencePath(room.ID, second), nil).status(204)
	expect(models.EventPresenceEntered, other)
	second.cancel()
	expect(models.EventPresenceLeft, other)

	for range 2 { // to who is not in the room, nothing of it all
		notInside.expect(models.EventMessageNotification, nil)
		me.say(room.ID, "two")
	}
}

// testPresenceEnds: who is no longer a member is no longer in the room.
func testPresenceEnds(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	for _, way := range []struct {
		event models.EventName
		leave func(room models.Room)
	}{
		{models.EventMemberLeft, func(room models.Room) {
			other.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
		}},
		{models.EventMemberBanned, func(room models.Room) {
			me.call("PUT", banPath(room.ID, other), models.NewBan{}).status(200)
		}},
	} {
		room := me.publicRoom(other)
		mine, others := me.open(fmt.Sprintf("room=%d", room.ID)), other.open(fmt.Sprintf("room=%d", room.ID))
		for range 2 {
			mine.expect(models.EventPresenceEntered, nil)
		}
		others.expect(models.EventPresenceEntered, nil)
		way.leave(room)
		mine.expect(way.event, nil)
		mine.expect(models.EventPresenceLeft, nil)
		others.expect(way.event, nil)
		members := get[models.Page[models.Member]](me, roomPath(room.ID)+"/members?present=true").Items
		if len(members) != 1 || members[0].User.ID != me.User.ID {
			t.Errorf("in the room are %+v", members)
		}
		me.call("DELETE", banPath(room.ID, other), nil).status(204)
		other.join(room.ID) // membership comes back, presence does not
		others.expect(models.EventMemberJoined, nil)
		me.say(room.ID, "x")
		others.expect(models.EventMessageNotification, nil)
		me.call("DELETE", roomPath(room.ID), nil).status(204)
		others.expect(models.EventRoomDeleted, nil)
		mine.cancel()
		others.cancel()
	}
}

func testPresenceOnReplay(_ *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	room := me.publicRoom(other)
	cursor := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	me.say(room.ID, "mine")
	other.say(room.ID, "other's")
	s := me.open("last_event_id=" + cursor)
	s.expect(models.EventMessageCreated, nil)
	s.expect(models.EventMessageNotification, nil)
	inside := me.open(fmt.Sprintf("room=%d&last_event_id=%s", room.ID, cursor))
	inside.expect(models.EventPresenceEntered, nil)
	inside.expect(models.EventMessageCreated, nil)
	inside.expect(models.EventMessageCreated, nil)
}

func testPresenceRefused(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	room, foreign := me.publicRoom(other), me.publicRoom()
	mine, others := me.open(""), other.open("")
	for _, method := range []string{"PUT", "DELETE"} {
		me.call(method, roomPath(room.ID)+"/presence/unknown", nil).problem(404, models.CodeNotFound)
		me.call(method, presencePath(999_999_999, mine), nil).problem(404, models.CodeNotFound)
	}
	me.call("PUT", presencePath(room.ID, others), nil).problem(404, models.CodeNotFound)
	other.call("PUT", presencePath(room.ID, others), nil).status(204)
	me.call("DELETE", presencePath(room.ID, others), nil).status(204) // and it stays there
	present := get[models.Page[models.Member]](me, roomPath(room.ID)+"/members?present=true").Items
	if len(present) != 1 || present[0].User.ID != other.User.ID {
		t.Errorf("in the room are %+v", present)
	}
	other.call("DELETE", presencePath(room.ID, others), nil).status(204)
	ended := me.open("")
	ended.cancel()
	eventually(t, "a stream that has ended enters no room", func() bool {
		return me.call("PUT", presencePath(room.ID, ended), nil).response.StatusCode == 404
	})
	for _, gone := range []string{ended.ready.StreamID, strings.Repeat("A", 26)} {
		me.call("PUT", roomPath(room.ID)+"/presence/"+gone, nil).problem(404, models.CodeNotFound)
		me.call("DELETE", roomPath(room.ID)+"/presence/"+gone, nil).status(204)
	}
	other.call("PUT", presencePath(foreign.ID, others), nil).problem(403, models.CodeForbidden)
	// Rooms in ?room= of which one is no member are passed over.
	secret := me.privateRoom()
	s := other.open(fmt.Sprintf("room=%d&room=%d&room=999999999&room=%d", foreign.ID, secret.ID, room.ID))
	var entered models.PresenceEvent
	s.expect(models.EventPresenceEntered, &entered)
	if entered.RoomID != room.ID {
		t.Errorf("entered %+v", entered)
	}
	for _, r := range []models.Room{foreign, secret, room} {
		me.say(r.ID, "x")
	}
	var told models.Message
	s.expect(models.EventMessageCreated, &told)
	if told.RoomID != room.ID {
		t.Errorf("told %+v", told)
	}
	for _, r := range []models.Room{foreign, secret} {
		if here := get[models.Page[models.Member]](me, roomPath(r.ID)+"/members?present=true").Items; len(here) != 0 {
			t.Errorf("in the room are %+v", here)
		}
	}
}
