package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestPresenceAcrossNodes has one picture of who is where at two nodes, told by whichever node; and requests about a
// stream reach it from the other node.
func TestPresenceAcrossNodes(t *testing.T) {
	long(t)
	t.Parallel()
	database := newPostgres(t)
	a, b := startServer(t, database), startServer(t, database)
	anna := newClient(t, a.url).guest("anna")
	bob := anna.guest("bob").at(b.url)
	room, other := anna.room(models.NewRoom{Name: ptr("room")}), anna.room(models.NewRoom{Name: ptr("other")})
	bob.join(room.ID)
	bob.join(other.ID)
	query := fmt.Sprintf("room=%d&room=%d", room.ID, other.ID)
	watching := anna.open(query)
	for range 2 {
		watching.expectPresence(models.EventPresenceEntered, anna)
	}

	came := bob.open(fmt.Sprintf("room=%d", room.ID))
	watching.expectAnyOrder(models.EventUserOnline, models.EventPresenceEntered)
	for _, c := range []*client{anna, bob} {
		if there := c.presentIn(room.ID); !slices.Equal(there, []string{"anna", "bob"}) {
			t.Errorf("at %s, %q are in the room", c.url, there)
		}
		if u := c.user("@bob"); !u.Online {
			t.Errorf("at %s, bob is %+v", c.url, u)
		}
	}

	// Whichever node is asked, the stream's own does it, and it is done when the answer comes.
	bob.at(a.url).call("PUT", presencePath(other.ID, came), nil).status(204)
	watching.expectPresence(models.EventPresenceEntered, bob)
	if there := anna.presentIn(other.ID); !slices.Equal(there, []string{"anna", "bob"}) {
		t.Errorf("%q are in the other room", there)
	}
	bob.at(a.url).call("DELETE", presencePath(other.ID, came), nil).status(204)
	watching.expectPresence(models.EventPresenceLeft, bob)
	anna.call("PUT", presencePath(room.ID, came), nil).problem(404, models.CodeNotFound) // it is not hers
	unknown := *came
	unknown.ready.StreamID = came.ready.StreamID[:20] + "ABCDEF"
	bob.at(a.url).call("PUT", presencePath(room.ID, &unknown), nil).problem(404, models.CodeNotFound)
	unknown.ready.StreamID = "ABCDEFGHIJKLMNOPQRSTUVWXYZ" // of no node
	bob.at(a.url).call("PUT", presencePath(room.ID, &unknown), nil).problem(404, models.CodeNotFound)

	// A second stream elsewhere keeps him there.
	second := bob.at(a.url).open(fmt.Sprintf("room=%d", room.ID))
	came.cancel()
	b.hub.Sweep(time.Now().Add(time.Minute))
	bob.say(room.ID, "still here")
	watching.expect(models.EventMessageCreated, nil)
	second.cancel()
	watching.expectPresence(models.EventPresenceLeft, bob)
	a.hub.Sweep(time.Now().Add(time.Minute))
	watching.expectStatus(models.EventUserOffline, bob)
	if u := bob.user("@bob"); u.Online || u.LastSeenAt.IsZero() {
		t.Errorf("one who went is %+v", u)
	}
}

// TestNodeGoes tells of those who were at a node that stops, at once, and of those who were at one that is killed, when
// its lease has run out.
func TestNodeGoes(t *testing.T) {
	t.Parallel()
	database := newPostgres(t)
	a := startServer(t, database)
	anna := newClient(t, a.url).guest("anna")
	room := anna.room(models.NewRoom{Name: ptr("room")})
	watching := anna.open(fmt.Sprintf("room=%d", room.ID))
	watching.expectPresence(models.EventPresenceEntered, anna)
	bob := anna.guest("bob")
	bob.join(room.ID)
	watching.expect(models.EventMemberJoined, nil)
	for what, end := range map[string]func(*process){
		"terminated": func(p *process) {
			if status := p.terminate(); status != 0 {
				t.Errorf("the exit status is %d", status)
			}
		},
		"killed": (*process).kill,
	} {
		t.Log(what)
		p := startProcess(t, database)
		bob.at(p.url).open(fmt.Sprintf("room=%d", room.ID))
		watching.expectAnyOrder(models.EventUserOnline, models.EventPresenceEntered)
		end(p)
		watching.expectPresence(models.EventPresenceLeft, bob)
		if there := anna.presentIn(room.ID); !slices.Equal(there, []string{"anna"}) {
			t.Errorf("%q are in the room", there)
		}
		a.hub.Sweep(time.Now().Add(time.Minute))
		watching.expectStatus(models.EventUserOffline, bob)
	}
}

func (s *stream) expectPresence(name models.EventName, who *client) {
	s.t.Helper()
	var told models.PresenceEvent
	if e := s.expect(name, &told); e.id != "" || told.User != who.User.Ref() {
		s.t.Errorf("wanted %s of %s, told %v", name, who.User.Username, e)
	}
}

// expectAnyOrder takes the next events, which are of these names.
func (s *stream) expectAnyOrder(names ...models.EventName) {
	s.t.Helper()
	for len(names) > 0 {
		e := s.next()
		i := slices.Index(names, models.EventName(e.name))
		if i < 0 {
			s.t.Fatalf("wanted %q, got %v", names, e)
		}
		names = slices.Delete(names, i, i+1)
	}
}

// presentIn lists who is in a room now.
func (c *client) presentIn(roomID int64) []string {
	c.t.Helper()
	var list models.Page[models.Member]
	c.call("GET", roomPath(roomID)+"/members?present=true", nil).status(200).into(&list)
	names := []string{}
	for _, m := range list.Items {
		names = append(names, m.User.Username)
	}
	slices.Sort(names)
	return names
}
