package sse

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestOrderUnderConcurrentSenders lets many users send at the same time, while streams open and resume. Each stream
// gets each message once, in the order of the log, whether it is present in the room, only notified, or a sender's own.
func TestOrderUnderConcurrentSenders(t *testing.T) {
	const senders, each, resumed = 8, 40, 10
	r := newRig(t, Limits{})
	ada, bob := r.signUp("ada"), r.signUp("bob")
	users := []models.Login{bob}
	for i := range senders {
		users = append(users, r.signUp(fmt.Sprint("sender", i)))
	}
	room, start := r.room(ada, users...)
	streams := map[string]*peer{
		"present": r.watch(bob, room, ""), "notified": r.watch(bob, 0, ""),
		"sender": r.watch(users[1], room, ""), "sender outside the room": r.watch(users[2], 0, ""),
	}
	r.attached()
	var sending sync.WaitGroup
	for _, l := range users[1:] {
		sending.Go(func() {
			for range each {
				r.send(l, room, "hello")
			}
		})
	}
	for i := range resumed {
		streams[fmt.Sprint("resumed ", i)] = r.watch(bob, room, start.String())
	}
	sending.Wait()
	r.send(ada, room, "the last one")
	for name, p := range streams {
		requireOrder(t, name, p.until(t, "the last one"), senders*each+1)
	}
}

// requireOrder checks that events are in the order of the log, and have the messages from 1 to count, each once.
func requireOrder(t *testing.T, stream string, events []received, count int) {
	t.Helper()
	position, message := int64(0), 0
	for _, e := range events {
		at, ok := models.ParseCursor(e.id)
		if e.id != "" && (!ok || at.Position <= position) {
			t.Fatalf("%s: the event at %q came after position %d", stream, e.id, position)
		}
		position = max(position, at.Position)
		if !strings.HasPrefix(e.name, "message.") {
			continue
		}
		message++
		if !strings.HasPrefix(e.data, fmt.Sprintf(`{"id":%d,`, message)) {
			t.Fatalf("%s: %s came in place of message %d", stream, e.data, message)
		}
	}
	if message != count {
		t.Errorf("%s: %d messages came, want %d", stream, message, count)
	}
}

// TestRemovalIsTheLastEventOfARoom removes a member in several ways, while the member's stream is attached, and replays
// the same events later. The removal is the last event of the room that the member gets.
func TestRemovalIsTheLastEventOfARoom(t *testing.T) {
	r := newRig(t, Limits{})
	for name, c := range map[string]struct {
		remove func(owner, member models.Login, room models.RoomPath) error
		last   string
	}{
		"leaves": {func(_, member models.Login, room models.RoomPath) error {
			_, err := r.store.Leave(t.Context(), member.User.ID, room)
			return err
		}, "member.left"},
		"removed": {func(owner, member models.Login, room models.RoomPath) error {
			_, err := r.store.RemoveMember(t.Context(), owner.User.ID, room, models.UserPath{ID: member.User.ID})
			return err
		}, "member.left"},
		"banned": {func(owner, member models.Login, room models.RoomPath) error {
			_, _, err := r.store.Ban(t.Context(), owner.User.ID, room, models.UserPath{ID: member.User.ID}, models.NewBan{})
			return err
		}, "member.banned"},
	} {
		t.Run(name, func(t *testing.T) {
			owner, member := r.signUp("owner-"+name), r.signUp("member-"+name)
			room, start := r.room(owner, member)
			other, _ := r.room(owner, member)
			attached := r.watch(member, room, "")
			r.attached()
			r.send(owner, room, "before")
			r.must(c.remove(owner, member, models.RoomPath{ID: room}))
			r.send(owner, room, "after")
			r.send(owner, other, "in the other room")
			later := r.watch(member, room, start.String())
			for name, p := range map[string]*peer{"attached": attached, "replayed": later} {
				events := p.until(t, "in the other room")
				if got := names(events[len(events)-2:]); got != c.last+" message.notification" {
					t.Errorf("%s: the last events are %q", name, got)
				}
				for _, e := range events {
					if strings.Contains(e.data, `"after"`) {
						t.Errorf("%s: a message came after the removal", name)
					}
				}
			}
			if present := r.hub.Present(room); len(present) != 0 {
				t.Errorf("present in the room are still %v", present)
			}
		})
	}
}

// TestDeletedRoom deletes a room in which a member is present: room.deleted is the last event of the room, and nobody
// is present in it.
func TestDeletedRoom(t *testing.T) {
	r := newRig(t, Limits{})
	owner, member := r.signUp("owner"), r.signUp("member")
	room, _ := r.room(owner, member)
	other, _ := r.room(owner, member)
	p := r.watch(member, room, "")
	r.attached()
	_, err := r.store.DeleteRoom(t.Context(), owner.User.ID, models.RoomPath{ID: room}, models.Condition{})
	r.must(err)
	r.send(owner, other, "the last one")
	events := p.until(t, "the last one")
	if got := names(events[len(events)-2:]); got != "room.deleted message.notification" {
		t.Errorf("the last events are %q", got)
	}
	if present := r.hub.Present(room); len(present) != 0 {
		t.Errorf("present in the room are still %v", present)
	}
}

// TestRemovalDuringAReplay removes a member whose stream waits for its peer during a replay. What was sent after the
// removal does not come.
func TestRemovalDuringAReplay(t *testing.T) {
	s := newBusyRoom(t, 1)
	member := s.users[0]
	other, _ := s.room(s.owner, member)
	s.sendLarge(64)
	p := s.openUnread(member)
	t.Cleanup(func() { _ = p.Close() })
	s.waitUntilBlocked(1)
	_, err := s.store.Leave(t.Context(), member.User.ID, models.RoomPath{ID: s.roomID})
	s.must(err)
	s.send(s.owner, s.roomID, "after the removal")
	s.send(s.owner, other, "the last one")
	events := p.until(t, "the last one")
	if got := names(events[len(events)-2:]); got != "member.left message.notification" {
		t.Errorf("the last events are %q", got)
	}
}

// TestMutesAndBlocks checks which notifications a user does not get: of muted rooms, and of blocked senders; attached
// and replayed. In a room that the user is present in, all messages come.
func TestMutesAndBlocks(t *testing.T) {
	r := newRig(t, Limits{})
	ada, bob, eve := r.signUp("ada"), r.signUp("bob"), r.signUp("eve")
	quiet, _ := r.room(eve, ada, bob)
	room, start := r.room(ada, bob, eve)
	attached := r.watch(bob, 0, "")
	r.attached()
	yes := true
	_, _, err := r.store.Mute(t.Context(), bob.User.ID, models.RoomPath{ID: quiet}, models.MembershipChange{Muted: &yes})
	r.must(err)
	_, err = r.store.Block(t.Context(), bob.User.ID, models.UserPath{ID: ada.User.ID})
	r.must(err)
	r.send(eve, quiet, "in a muted room")
	r.send(ada, room, "by a blocked user")
	r.send(eve, room, "the last one")
	for name, p := range map[string]*peer{"attached": attached, "replayed": r.watch(bob, 0, start.String())} {
		notified := 0
		for _, e := range p.until(t, "the last one") {
			if e.name == "message.notification" {
				notified++
			}
		}
		if notified != 1 {
			t.Errorf("%s: %d notifications came, want 1", name, notified)
		}
	}
	present := r.watch(bob, room, start.String())
	if got := names(present.until(t, "the last one")); strings.Count(got, "message.created") != 2 {
		t.Errorf("in the room came %q, want two messages", got)
	}
}

// TestBatch delivers several messages to a room at once. Each stream gets those that it would get one by one.
func TestBatch(t *testing.T) {
	r := newRig(t, Limits{})
	ada, bob, eve, moe := r.signUp("ada"), r.signUp("bob"), r.signUp("eve"), r.signUp("moe")
	room, _ := r.room(ada, bob, eve, moe)
	_, err := r.store.Block(t.Context(), eve.User.ID, models.UserPath{ID: bob.User.ID})
	r.must(err)
	yes := true
	_, _, err = r.store.Mute(t.Context(), moe.User.ID, models.RoomPath{ID: room}, models.MembershipChange{Muted: &yes})
	r.must(err)
	streams := []struct {
		name              string
		peer              *peer
		created, notified int
	}{
		{"present", r.watch(ada, room, ""), 7, 0}, {"sender outside the room", r.watch(bob, 0, ""), 3, 4},
		{"blocks a sender", r.watch(eve, 0, ""), 0, 4}, {"has muted the room", r.watch(moe, 0, ""), 0, 0},
	}
	r.attached()
	r.withhold.Store(true)
	r.hub.withLock(func() { // so that the log consumer has to wait
		for range 3 {
			r.send(ada, room, "by ada")
			r.send(bob, room, "by bob")
		}
		r.send(ada, room, "by ada")
	})
	r.withhold.Store(false)
	other, _ := r.room(ada, bob, eve, moe)
	r.send(ada, other, "the last one")
	for _, s := range streams {
		created, notified := 0, 0
		for _, e := range s.peer.until(t, "the last one") {
			switch {
			case !strings.Contains(e.data, `"text":"by `):
			case e.name == "message.created":
				created++
			default:
				notified++
			}
		}
		if created != s.created || notified != s.notified {
			t.Errorf("%s: %d messages and %d notifications came, want %d and %d",
				s.name, created, notified, s.created, s.notified)
		}
	}
}
