package api

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestMute mutes a room and unmutes it: in between, its member gets no notification of it, live, on a stream that comes
// back from before all of it, and on one that comes back from the middle. The member's streams are told, nobody else's.
func TestMute(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Subject: harness.Ptr("order-7")})
		member := owner.NewGuestNamed("member")
		member.JoinRoom(room.ID)
		inside := member.OpenStream(fmt.Sprintf("room=%d", room.ID))
		inside.Expect(models.EventPresenceEntered, nil)
		live, others := member.OpenStream(""), owner.OpenStream("")
		path := harness.RoomPath(room.ID) + "/members/me"

		begin := live.LastID
		owner.SendText(room.ID, "heard 1")
		muted := muteRoom(member, path, true)
		owner.SendText(room.ID, "silent")
		member.SendText(room.ID, "heard 2, since it is one's own")
		unmuted := muteRoom(member, path, false)
		owner.SendText(room.ID, "heard 3")

		all := []string{"heard 1", muted, "heard 2, since it is one's own", unmuted, "heard 3"}
		expectMutedRun(live, "live", all...)
		expectMutedRun(member.OpenStream("", "Last-Event-ID", begin), "resumed from the start", all...)
		expectMutedRun(member.OpenStream("", "Last-Event-ID", muted), "resumed while muted", all[2:]...)
		expectMutedRun(inside, "in the room", "heard 1", muted, "silent", all[2], unmuted, all[4])
		expectMutedRun(others, "the other member", "heard 1", "silent", all[2], all[4])

		var m models.Membership
		a := member.Call("PATCH", path, map[string]any{}).ExpectStatus(200).Decode(&m)
		if m.Muted || a.Header("Event-Id") != "" {
			t.Errorf("a change of nothing changed something: %v", a)
		}
		owner.NewGuestNamed("stranger").Call("PATCH", path, map[string]any{"muted": true}).ExpectProblem(403, models.CodeForbidden)
		member.CallInvalid("PATCH", path, map[string]any{"muted": "yes"}).ExpectProblem(400, models.CodeInvalidRequest)
	})
}

// muteRoom sets whether the room is muted, twice, and answers the id of the event that tells of it.
func muteRoom(c *harness.Client, path string, muted bool) (event string) {
	c.T.Helper()
	var m models.Membership
	a := c.Call("PATCH", path, map[string]any{"muted": muted}).ExpectStatus(200).Decode(&m)
	if event = a.Header("Event-Id"); event == "" || m.Muted != muted {
		c.T.Fatalf("%v: the event is %q", a, event)
	}
	if a := c.Call("PATCH", path, map[string]any{"muted": muted}).ExpectStatus(200); a.Header("Event-Id") != "" {
		c.T.Errorf("%v: the same again changed something", a)
	}
	var room models.Room
	c.Call("GET", path[:len(path)-len("/members/me")], nil).ExpectStatus(200).Decode(&room)
	if room.Membership.Muted != muted {
		c.T.Errorf("the room says %+v", room.Membership)
	}
	return event
}

// expectMutedRun takes one event for each of want: a message with that text, or the member.updated with that id.
func expectMutedRun(s *harness.Stream, where string, want ...string) {
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
			s.T.Fatalf("%s: wanted %q, got %v", where, one, e)
		}
	}
}

// TestMuteEndsWithMembership mutes a room, leaves it and comes back: nothing is muted then.
func TestMuteEndsWithMembership(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		member := owner.NewGuestNamed("member")
		member.JoinRoom(room.ID)
		live := member.OpenStream("")
		begin := live.LastID
		path := harness.RoomPath(room.ID) + "/members/me"
		muted := muteRoom(member, path, true)
		owner.SendText(room.ID, "silent")
		member.Call("DELETE", path, nil).ExpectStatus(204)
		member.JoinRoom(room.ID)
		owner.SendText(room.ID, "heard")
		for where, s := range map[string]*harness.Stream{"live": live, "resumed": member.OpenStream("", "Last-Event-ID", begin)} {
			expectMutedRun(s, where, muted)
			s.Expect(models.EventMemberLeft, nil)
			s.Expect(models.EventMemberJoined, nil)
			expectMutedRun(s, where, "heard")
		}
	})
}
