package main

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestMute mutes a room and unmutes it: in between, its member gets no notification of it, live, on a stream that comes
// back from before all of it, and on one that comes back from the middle. The member's streams are told, nobody else's.
func TestMute(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--presence-room-limit", "0")
		owner := newClient(t, s.url).guest("owner")
		room := owner.room(models.NewRoom{Name: ptr("room"), Subject: ptr("order-7")})
		member := owner.guest("member")
		member.join(room.ID)
		inside := member.open(fmt.Sprintf("room=%d", room.ID))
		inside.expect(models.EventPresenceEntered, nil)
		live, others := member.open(""), owner.open("")
		path := roomPath(room.ID) + "/members/me"

		begin := live.lastID
		owner.say(room.ID, "heard 1")
		muted := member.mute(path, true)
		owner.say(room.ID, "silent")
		member.say(room.ID, "heard 2, since it is one's own")
		unmuted := member.mute(path, false)
		owner.say(room.ID, "heard 3")

		all := []string{"heard 1", muted, "heard 2, since it is one's own", unmuted, "heard 3"}
		live.wantsRun("live", all...)
		member.open("", "Last-Event-ID", begin).wantsRun("resumed from the start", all...)
		member.open("", "Last-Event-ID", muted).wantsRun("resumed while muted", all[2:]...)
		inside.wantsRun("in the room", "heard 1", muted, "silent", all[2], unmuted, all[4])
		others.wantsRun("the other member", "heard 1", "silent", all[2], all[4])

		var m models.Membership
		a := member.call("PATCH", path, map[string]any{}).status(200).into(&m)
		if m.Muted || a.header("Event-Id") != "" {
			t.Errorf("a change of nothing changed something: %v", a)
		}
		owner.guest("stranger").call("PATCH", path, map[string]any{"muted": true}).problem(403, models.CodeForbidden)
		member.wrong("PATCH", path, map[string]any{"muted": "yes"}).problem(400, models.CodeInvalidRequest)
	})
}

// mute sets whether the room is muted, twice, and answers the id of the event that tells of it.
func (c *client) mute(path string, muted bool) (event string) {
	c.t.Helper()
	var m models.Membership
	a := c.call("PATCH", path, map[string]any{"muted": muted}).status(200).into(&m)
	if event = a.header("Event-Id"); event == "" || m.Muted != muted {
		c.t.Fatalf("%v: the event is %q", a, event)
	}
	if a := c.call("PATCH", path, map[string]any{"muted": muted}).status(200); a.header("Event-Id") != "" {
		c.t.Errorf("%v: the same again changed something", a)
	}
	var room models.Room
	c.call("GET", path[:len(path)-len("/members/me")], nil).status(200).into(&room)
	if room.Membership.Muted != muted {
		c.t.Errorf("the room says %+v", room.Membership)
	}
	return event
}

// wantsRun takes one event for each of want: a message with that text, or the member.updated with that id.
func (s *stream) wantsRun(where string, want ...string) {
	s.t.Helper()
	for _, one := range want {
		e := s.next()
		var is struct {
			Text  string `json:"text"`
			Muted *bool  `json:"muted"`
		}
		if err := e.into(&is); err != nil {
			s.t.Fatal(err)
		}
		update := e.id == one && e.name == string(models.EventMemberUpdated) && is.Muted != nil
		if is.Text != one && !update {
			s.t.Fatalf("%s: wanted %q, got %v", where, one, e)
		}
	}
}

// TestMuteEndsWithMembership mutes a room, leaves it and comes back: nothing is muted then.
func TestMuteEndsWithMembership(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--presence-room-limit", "0")
		owner := newClient(t, s.url).guest("owner")
		room := owner.room(models.NewRoom{Name: ptr("room")})
		member := owner.guest("member")
		member.join(room.ID)
		live := member.open("")
		begin := live.lastID
		path := roomPath(room.ID) + "/members/me"
		muted := member.mute(path, true)
		owner.say(room.ID, "silent")
		member.call("DELETE", path, nil).status(204)
		member.join(room.ID)
		owner.say(room.ID, "heard")
		for where, s := range map[string]*stream{"live": live, "resumed": member.open("", "Last-Event-ID", begin)} {
			s.wantsRun(where, muted)
			s.expect(models.EventMemberLeft, nil)
			s.expect(models.EventMemberJoined, nil)
			s.wantsRun(where, "heard")
		}
	})
}
