package api

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestMutedRoomSendsNoNotifications mutes a room and unmutes it. In between, the member gets no notification of it: not
// on an attached stream, not on one resumed from before the change, and not on one resumed in between. Only the
// member's own streams get the events of the change.
func TestMutedRoomSendsNoNotifications(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Subject: harness.Ptr("order-7")})
		member := owner.NewGuestNamed("member")
		member.JoinRoom(room.ID)
		inRoom := member.OpenStream(fmt.Sprintf("room=%d", room.ID))
		inRoom.Expect(models.EventPresenceEntered, nil)
		attached, others := member.OpenStream(""), owner.OpenStream("")
		path := harness.RoomPath(room.ID) + "/members/me"

		begin := attached.LastID
		owner.SendText(room.ID, "heard 1")
		muted := muteRoom(member, path, true)
		owner.SendText(room.ID, "silent")
		member.SendText(room.ID, "heard 2, since it is one's own")
		unmuted := muteRoom(member, path, false)
		owner.SendText(room.ID, "heard 3")

		all := []string{"heard 1", muted, "heard 2, since it is one's own", unmuted, "heard 3"}
		expectTextsAndUpdates(attached, "attached", all...)
		expectTextsAndUpdates(member.OpenStream("", "Last-Event-ID", begin), "resumed from the start", all...)
		expectTextsAndUpdates(member.OpenStream("", "Last-Event-ID", muted), "resumed while muted", all[2:]...)
		expectTextsAndUpdates(inRoom, "in the room", "heard 1", muted, "silent", all[2], unmuted, all[4])
		expectTextsAndUpdates(others, "the other member", "heard 1", "silent", all[2], all[4])

		var m models.Membership
		a := member.Call("PATCH", path, map[string]any{}).ExpectStatus(200).Decode(&m)
		if m.Muted || a.Header("Event-Id") != "" {
			t.Errorf("an empty change had an effect: %v", a)
		}
		owner.NewGuestNamed("stranger").Call("PATCH", path, map[string]any{"muted": true}).
			ExpectProblem(403, models.CodeForbidden)
		member.CallInvalid("PATCH", path, map[string]any{"muted": "yes"}).ExpectProblem(400, models.CodeInvalidRequest)
	})
}

// muteRoom mutes or unmutes the room, twice, and returns the id of the event.
func muteRoom(c *harness.Client, path string, muted bool) (event string) {
	c.T.Helper()
	var m models.Membership
	a := c.Call("PATCH", path, map[string]any{"muted": muted}).ExpectStatus(200).Decode(&m)
	if event = a.Header("Event-Id"); event == "" || m.Muted != muted {
		c.T.Fatalf("%v: got the event id %q", a, event)
	}
	if a := c.Call("PATCH", path, map[string]any{"muted": muted}).ExpectStatus(200); a.Header("Event-Id") != "" {
		c.T.Errorf("%v: the repeated change had an effect", a)
	}
	var room models.Room
	c.Call("GET", path[:len(path)-len("/members/me")], nil).ExpectStatus(200).Decode(&room)
	if room.Membership.Muted != muted {
		c.T.Errorf("got the membership %+v, want muted %t", room.Membership, muted)
	}
	return event
}

// expectTextsAndUpdates reads one event for each of want: a message with that text, or the member.updated with that id.
func expectTextsAndUpdates(s *harness.Stream, where string, want ...string) {
	s.T.Helper()
	for _, one := range want {
		e := s.Next()
		var is struct {
			Text  string `json:"text"`
			Muted *bool  `json:"muted"`
		}
		if err := e.Decode(&is); err != nil {
			s.T.Fatal(err)
		}
		update := e.ID == one && e.Name == string(models.EventMemberUpdated) && is.Muted != nil
		if is.Text != one && !update {
			s.T.Fatalf("%s: want %q, got %v", where, one, e)
		}
	}
}

// TestMuteEndsWithMembership mutes a room, leaves it and joins it again: the room is not muted then.
func TestMuteEndsWithMembership(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		member := owner.NewGuestNamed("member")
		member.JoinRoom(room.ID)
		attached := member.OpenStream("")
		begin := attached.LastID
		path := harness.RoomPath(room.ID) + "/members/me"
		muted := muteRoom(member, path, true)
		owner.SendText(room.ID, "silent")
		member.Call("DELETE", path, nil).ExpectStatus(204)
		member.JoinRoom(room.ID)
		owner.SendText(room.ID, "heard")
		for where, s := range map[string]*harness.Stream{
			"attached": attached, "resumed": member.OpenStream("", "Last-Event-ID", begin),
		} {
			expectTextsAndUpdates(s, where, muted)
			s.Expect(models.EventMemberLeft, nil)
			s.Expect(models.EventMemberJoined, nil)
			expectTextsAndUpdates(s, where, "heard")
		}
	})
}
