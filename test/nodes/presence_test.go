package nodes

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/parley/server"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestPresenceAcrossNodes checks that two nodes return the same presence, and that a request about a stream takes
// effect at whichever node it arrives.
func TestPresenceAcrossNodes(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	database := harness.NewPostgres(t)
	a, b := harness.StartServer(t, database), harness.StartServer(t, database)
	anna := harness.NewClient(t, a.URL).NewGuestNamed("anna")
	bob := anna.NewGuestNamed("bob").AtServer(b.URL)
	room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	other := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("other")})
	bob.JoinRoom(room.ID)
	bob.JoinRoom(other.ID)
	query := fmt.Sprintf("room=%d&room=%d", room.ID, other.ID)
	watching := anna.OpenStream(query)
	for range 2 {
		expectPresence(watching, models.EventPresenceEntered, anna)
	}

	first := bob.OpenStream(fmt.Sprintf("room=%d", room.ID))
	expectAnyOrder(watching, models.EventUserOnline, models.EventPresenceEntered)
	for _, c := range []*harness.Client{anna, bob} { // bob's node may hear of anna later than of bob
		harness.Eventually(t, "anna and bob are present at "+c.URL, func() bool {
			return slices.Equal(presentIn(c, room.ID), []string{"anna", "bob"})
		})
		if u := c.GetUser("@bob"); !u.Online {
			t.Errorf("at %s, bob is %+v, want him online", c.URL, u)
		}
	}

	// The node that receives the request forwards it to the stream's node, and responds when it has taken effect.
	bob.AtServer(a.URL).Call("PUT", harness.PresencePath(other.ID, first), nil).ExpectStatus(204)
	expectPresence(watching, models.EventPresenceEntered, bob)
	if present := presentIn(anna, other.ID); !slices.Equal(present, []string{"anna", "bob"}) {
		t.Errorf("%q are present in the other room, want anna and bob", present)
	}
	bob.AtServer(a.URL).Call("DELETE", harness.PresencePath(other.ID, first), nil).ExpectStatus(204)
	expectPresence(watching, models.EventPresenceLeft, bob)
	// Anna cannot move bob's stream.
	anna.Call("PUT", harness.PresencePath(room.ID, first), nil).ExpectProblem(404, models.CodeNotFound)
	unknown := *first
	unknown.Ready.StreamID = first.Ready.StreamID[:20] + "ABCDEF"
	bob.AtServer(a.URL).Call("PUT", harness.PresencePath(room.ID, &unknown), nil).ExpectProblem(404, models.CodeNotFound)
	unknown.Ready.StreamID = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" // the id of no node
	bob.AtServer(a.URL).Call("PUT", harness.PresencePath(room.ID, &unknown), nil).ExpectProblem(404, models.CodeNotFound)

	// A second stream, at the other node, keeps bob present.
	second := bob.AtServer(a.URL).OpenStream(fmt.Sprintf("room=%d", room.ID))
	first.Cancel()
	b.Hub.CheckStreams(time.Now().Add(time.Minute))
	bob.SendText(room.ID, "still present")
	watching.Expect(models.EventMessageCreated, nil)
	second.Cancel()
	expectPresence(watching, models.EventPresenceLeft, bob)
	a.Hub.CheckStreams(time.Now().Add(time.Minute))
	watching.ExpectUserStatus(models.EventUserOffline, bob)
	if u := bob.GetUser("@bob"); u.Online || u.LastSeenAt.IsZero() {
		t.Errorf("after user.offline, bob is %+v", u)
	}
}

// TestUsersOfAStoppedNodeGoOffline checks that the users of another node are no longer present when that node stops or
// is killed: at once if it stops, after its lease has expired if it is killed.
func TestUsersOfAStoppedNodeGoOffline(t *testing.T) {
	t.Parallel()
	database := harness.NewPostgres(t)
	a := harness.StartServer(t, database)
	anna := harness.NewClient(t, a.URL).NewGuestNamed("anna")
	room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	watching := anna.OpenStream(fmt.Sprintf("room=%d", room.ID))
	expectPresence(watching, models.EventPresenceEntered, anna)
	bob := anna.NewGuestNamed("bob")
	bob.JoinRoom(room.ID)
	watching.Expect(models.EventMemberJoined, nil)
	for name, end := range map[string]func(*harness.Process){
		"terminated": func(p *harness.Process) {
			if status := p.Terminate(); status != 0 {
				t.Errorf("the exit status is %d", status)
			}
		},
		"killed": (*harness.Process).Kill,
	} {
		t.Log(name)
		p := harness.StartProcess(t, database)
		bob.AtServer(p.URL).OpenStream(fmt.Sprintf("room=%d", room.ID))
		expectAnyOrder(watching, models.EventUserOnline, models.EventPresenceEntered)
		end(p)
		expectPresence(watching, models.EventPresenceLeft, bob)
		if present := presentIn(anna, room.ID); !slices.Equal(present, []string{"anna"}) {
			t.Errorf("%q are present in the room, want only anna", present)
		}
		a.Hub.CheckStreams(time.Now().Add(time.Minute))
		watching.ExpectUserStatus(models.EventUserOffline, bob)
	}
}

// TestManyPresentAcrossNodes checks that the users at all nodes count when a room has too many present to announce
// them: in both directions, at both nodes.
func TestManyPresentAcrossNodes(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	database := harness.NewPostgres(t)
	few := func(c *server.Config) { c.PresentAnnounced = 2 }
	a := harness.StartServerWith(t, database, few, "--presence-room-limit", "0")
	b := harness.StartServerWith(t, database, few, "--presence-room-limit", "0")
	anna := harness.NewClient(t, a.URL).NewGuestNamed("anna")
	bob, eve := anna.NewGuestNamed("bob").AtServer(b.URL), anna.NewGuestNamed("eve").AtServer(b.URL)
	room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	bob.JoinRoom(room.ID)
	eve.JoinRoom(room.ID)
	query := fmt.Sprintf("room=%d", room.ID)
	present := func(users ...string) {
		t.Helper()
		for _, c := range []*harness.Client{anna, bob} {
			harness.Eventually(t, fmt.Sprintf("%v are present at %s", users, c.URL), func() bool {
				return slices.Equal(presentIn(c, room.ID), users)
			})
		}
	}
	atA := anna.OpenStream(query)
	expectPresence(atA, models.EventPresenceEntered, anna)
	present("anna")
	atB := bob.OpenStream(query)
	expectPresence(atB, models.EventPresenceEntered, bob)
	expectPresence(atA, models.EventPresenceEntered, bob)
	present("anna", "bob")
	third := eve.OpenStream(query)
	expectPresence(third, models.EventPresenceEntered, eve)
	present("anna", "bob", "eve")
	anna.SendText(room.ID, "three are present")
	for _, s := range []*harness.Stream{atA, atB, third} {
		s.Expect(models.EventMessageCreated, nil)
	}
	atB.Cancel()
	for _, s := range []*harness.Stream{atA, third} { // each node announces eve, who was only counted
		expectPresence(s, models.EventPresenceLeft, bob)
		expectPresence(s, models.EventPresenceEntered, eve)
	}
	third.Cancel()
	expectPresence(atA, models.EventPresenceLeft, eve)
}

// expectPresence expects the next event to be presence.entered or presence.left of the user, as name says.
func expectPresence(s *harness.Stream, name models.EventName, user *harness.Client) {
	s.T.Helper()
	var data models.PresenceEvent
	if e := s.Expect(name, &data); e.ID != "" || data.User != user.User.Ref() {
		s.T.Errorf("got %v, want %s of %s", e, name, user.User.Username)
	}
}

// expectAnyOrder expects the next events to have these names, in any order.
func expectAnyOrder(s *harness.Stream, names ...models.EventName) {
	s.T.Helper()
	for len(names) > 0 {
		e := s.Next()
		i := slices.Index(names, models.EventName(e.Name))
		if i < 0 {
			s.T.Fatalf("got %v, want one of %q", e, names)
		}
		names = slices.Delete(names, i, i+1)
	}
}

// presentIn returns the sorted usernames of the members who are present in a room.
func presentIn(c *harness.Client, roomID int64) []string {
	c.T.Helper()
	var list models.Page[models.Member]
	c.Call("GET", harness.RoomPath(roomID)+"/members?present=true", nil).ExpectStatus(200).Decode(&list)
	names := []string{}
	for _, m := range list.Items {
		names = append(names, m.User.Username)
	}
	slices.Sort(names)
	return names
}
