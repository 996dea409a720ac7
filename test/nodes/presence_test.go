package nodes

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestPresenceAcrossNodes has one picture of who is where at two nodes, told by whichever node; and requests about a
// stream reach it from the other node.
func TestPresenceAcrossNodes(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	database := harness.NewPostgres(t)
	a, b := harness.StartServer(t, database), harness.StartServer(t, database)
	anna := harness.NewClient(t, a.URL).NewGuestNamed("anna")
	bob := anna.NewGuestNamed("bob").AtServer(b.URL)
	room, other := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("room")}), anna.CreateRoom(models.NewRoom{Name: harness.Ptr("other")})
	bob.JoinRoom(room.ID)
	bob.JoinRoom(other.ID)
	query := fmt.Sprintf("room=%d&room=%d", room.ID, other.ID)
	watching := anna.OpenStream(query)
	for range 2 {
		expectPresence(watching, models.EventPresenceEntered, anna)
	}

	came := bob.OpenStream(fmt.Sprintf("room=%d", room.ID))
	expectAnyOrder(watching, models.EventUserOnline, models.EventPresenceEntered)
	for _, c := range []*harness.Client{anna, bob} {
		if there := presenceIn(c, room.ID); !slices.Equal(there, []string{"anna", "bob"}) {
			t.Errorf("at %s, %q are in the room", c.URL, there)
		}
		if u := c.GetUser("@bob"); !u.Online {
			t.Errorf("at %s, bob is %+v", c.URL, u)
		}
	}

	// Whichever node is asked, the stream's own does it, and it is done when the answer comes.
	bob.AtServer(a.URL).Call("PUT", harness.PresencePath(other.ID, came), nil).ExpectStatus(204)
	expectPresence(watching, models.EventPresenceEntered, bob)
	if there := presenceIn(anna, other.ID); !slices.Equal(there, []string{"anna", "bob"}) {
		t.Errorf("%q are in the other room", there)
	}
	bob.AtServer(a.URL).Call("DELETE", harness.PresencePath(other.ID, came), nil).ExpectStatus(204)
	expectPresence(watching, models.EventPresenceLeft, bob)
	anna.Call("PUT", harness.PresencePath(room.ID, came), nil).ExpectProblem(404, models.CodeNotFound) // it is not hers
	unknown := *came
	unknown.Ready.StreamID = came.Ready.StreamID[:20] + "ABCDEF"
	bob.AtServer(a.URL).Call("PUT", harness.PresencePath(room.ID, &unknown), nil).ExpectProblem(404, models.CodeNotFound)
	unknown.Ready.StreamID = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" // of no node
	bob.AtServer(a.URL).Call("PUT", harness.PresencePath(room.ID, &unknown), nil).ExpectProblem(404, models.CodeNotFound)

	// A second stream elsewhere keeps him there.
	second := bob.AtServer(a.URL).OpenStream(fmt.Sprintf("room=%d", room.ID))
	came.Cancel()
	b.Hub.CheckStreams(time.Now().Add(time.Minute))
	bob.SendText(room.ID, "still here")
	watching.Expect(models.EventMessageCreated, nil)
	second.Cancel()
	expectPresence(watching, models.EventPresenceLeft, bob)
	a.Hub.CheckStreams(time.Now().Add(time.Minute))
	watching.ExpectUserStatus(models.EventUserOffline, bob)
	if u := bob.GetUser("@bob"); u.Online || u.LastSeenAt.IsZero() {
		t.Errorf("one who went is %+v", u)
	}
}

// TestNodeGoes tells of those who were at a node that stops, at once, and of those who were at one that is killed, when
// its lease has run out.
func TestNodeGoes(t *testing.T) {
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
	for what, end := range map[string]func(*harness.Process){
		"terminated": func(p *harness.Process) {
			if status := p.Terminate(); status != 0 {
				t.Errorf("the exit status is %d", status)
			}
		},
		"killed": (*harness.Process).Kill,
	} {
		t.Log(what)
		p := harness.StartProcess(t, database)
		bob.AtServer(p.URL).OpenStream(fmt.Sprintf("room=%d", room.ID))
		expectAnyOrder(watching, models.EventUserOnline, models.EventPresenceEntered)
		end(p)
		expectPresence(watching, models.EventPresenceLeft, bob)
		if there := presenceIn(anna, room.ID); !slices.Equal(there, []string{"anna"}) {
			t.Errorf("%q are in the room", there)
		}
		a.Hub.CheckStreams(time.Now().Add(time.Minute))
		watching.ExpectUserStatus(models.EventUserOffline, bob)
	}
}

func expectPresence(s *harness.Stream, name models.EventName, who *harness.Client) {
	s.T.Helper()
	var told models.PresenceEvent
	if e := s.Expect(name, &told); e.ID != "" || told.User != who.User.Ref() {
		s.T.Errorf("wanted %s of %s, told %v", name, who.User.Username, e)
	}
}

// expectAnyOrder takes the next events, which are of these names.
func expectAnyOrder(s *harness.Stream, names ...models.EventName) {
	s.T.Helper()
	for len(names) > 0 {
		e := s.Next()
		i := slices.Index(names, models.EventName(e.Name))
		if i < 0 {
			s.T.Fatalf("wanted %q, got %v", names, e)
		}
		names = slices.Delete(names, i, i+1)
	}
}

// presenceIn lists who is in a room now.
func presenceIn(c *harness.Client, roomID int64) []string {
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
