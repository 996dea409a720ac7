package sse

import (
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
)

// presenceOf returns what events say about presence: "+ada" for a user who entered, "-ada" for one who left.
func presenceOf(events []received) string {
	var all []string
	for _, e := range events {
		_, user, _ := strings.Cut(e.data, `"username":"`)
		user, _, _ = strings.Cut(user, `"`)
		switch e.name {
		case "presence.entered":
			all = append(all, "+"+user)
		case "presence.left":
			all = append(all, "-"+user)
		}
	}
	return strings.Join(all, " ")
}

// openCounted opens a stream in the room for a user whom nobody is told of, and waits until it is there.
func (r *rig) openCounted(l models.Login, roomID int64) *peer {
	r.t.Helper()
	p := r.watch(l, roomID, "")
	if got := presenceOf([]received{p.next(r.t)}); got != "+"+l.User.Username {
		r.t.Errorf("the stream of %s itself got %q", l.User.Username, got)
	}
	return p
}

// awaitPresent waits until so many users are present.
func (r *rig) awaitPresent(roomID int64, users int) {
	r.t.Helper()
	eventually(r.t, func() string {
		if present := r.hub.Present(roomID); len(present) != users {
			return fmt.Sprintf("present are %v, want %d users", present, users)
		}
		return ""
	})
}

// TestManyPresent checks that in a room with more users present than the limit, users who enter are counted and not
// announced, that those who were announced before still leave for everybody, and that the others are announced when
// their number has fallen to the limit.
func TestManyPresent(t *testing.T) {
	r := newRig(t, Limits{PresentUsers: 2})
	ada, bob, eve, dan := r.signUp("ada"), r.signUp("bob"), r.signUp("eve"), r.signUp("dan")
	room, _ := r.room(ada, bob, eve, dan)
	watcher := r.watch(ada, room, "")
	expect := func(step, want string) {
		t.Helper()
		r.send(ada, room, step)
		if got := presenceOf(watcher.until(t, step)); got != want {
			t.Errorf("%s: %q came, want %q", step, got, want)
		}
	}
	second := r.openCounted(bob, room)
	expect("two are present", "+ada +bob")
	third := r.openCounted(eve, room)
	fourth := r.openCounted(dan, room)
	expect("four are present", "")
	_ = third.Close()
	r.awaitPresent(room, 3)
	expect("one of whom nobody was told has left", "")
	third = r.openCounted(eve, room)
	_ = second.Close()
	r.awaitPresent(room, 3)
	expect("one who was announced has left", "-bob")
	second = r.openCounted(bob, room)
	_ = third.Close()
	r.awaitPresent(room, 3)
	expect("bob is back, and not announced again", "")
	_ = fourth.Close()
	r.awaitPresent(room, 2)
	expect("two are left", "+bob")
	_ = second.Close()
	r.awaitPresent(room, 1)
	expect("the last other one has left", "-bob")
	r.openCounted(dan, room)
	expect("dan is back", "+dan")
}

// TestManyPresentBlocks checks that users who are announced together are not announced to those whom they have blocked.
func TestManyPresentBlocks(t *testing.T) {
	r := newRig(t, Limits{PresentUsers: 2})
	ada, bob, eve, dan := r.signUp("ada"), r.signUp("bob"), r.signUp("eve"), r.signUp("dan")
	room, _ := r.room(ada, bob, eve, dan)
	_, err := r.store.Block(t.Context(), dan.User.ID, models.UserPath{ID: ada.User.ID})
	r.must(err)
	owner, first := r.watch(ada, room, ""), r.openCounted(bob, room)
	second, third := r.openCounted(eve, room), r.openCounted(dan, room)
	r.attached()
	_ = first.Close()
	r.awaitPresent(room, 3)
	_ = second.Close()
	r.awaitPresent(room, 2)
	r.send(eve, room, "two are left")
	if got := presenceOf(owner.until(t, "two are left")); got != "+ada +bob -bob" {
		t.Errorf("the one whom dan has blocked got %q", got)
	}
	if got := presenceOf(third.until(t, "two are left")); got != "-bob +dan" {
		t.Errorf("dan got %q", got)
	}
}

// TestManyPresentOnOtherNodes checks that users on other nodes count, also before the first stream of this node is in
// the room, and that they are announced like those of this node.
func TestManyPresentOnOtherNodes(t *testing.T) {
	r := newRigOn(t, Limits{PresentUsers: 2}, func(s *store.Store) Log { return sharedStore{s} })
	ada, bob, eve, dan := r.signUp("ada"), r.signUp("bob"), r.signUp("eve"), r.signUp("dan")
	room, _ := r.room(ada, bob, eve, dan)
	const node = "ANOTHERONE"
	r.must(r.store.RegisterNode(t.Context(), node))
	publish := func(here bool, users ...models.Login) {
		t.Helper()
		update := models.PresenceUpdate{Node: node}
		for _, l := range users {
			p := models.Presence{RoomID: room, User: l.User.Ref(), Here: here, At: models.Now()}
			update.Changes = append(update.Changes, p)
		}
		r.must(r.store.PublishPresence(t.Context(), update))
	}
	publish(true, bob, eve, dan)
	r.awaitPresent(room, 3)
	watcher := r.openCounted(ada, room)
	expect := func(step, want string) {
		t.Helper()
		r.send(ada, room, step)
		if got := presenceOf(watcher.until(t, step)); got != want {
			t.Errorf("%s: %q came, want %q", step, got, want)
		}
	}
	publish(false, bob)
	expect("three are present", "")
	publish(false, eve)
	r.send(ada, room, "two are present")
	got := strings.Fields(presenceOf(watcher.until(t, "two are present")))
	slices.Sort(got)
	if !slices.Equal(got, []string{"+ada", "+dan"}) {
		t.Errorf("when two are present came %v", got)
	}
	publish(true, eve)
	expect("three are present again", "")
	r.must(r.store.RemoveNode(t.Context(), node, models.AnyHeartbeat, models.Now()))
	r.awaitPresent(room, 1)
	r.send(ada, room, "the other node has stopped")
	// Its users leave one by one. If dan is the first, eve is announced for a moment.
	stopped := presenceOf(watcher.until(t, "the other node has stopped"))
	if stopped != "-dan" && stopped != "-dan +eve -eve" {
		t.Errorf("when the other node has stopped came %q", stopped)
	}
}

// TestTypingOfMany checks that typing is not sent while more users are present than the limit.
func TestTypingOfMany(t *testing.T) {
	r := newRig(t, Limits{PresentUsers: 2})
	ada, bob, eve := r.signUp("ada"), r.signUp("bob"), r.signUp("eve")
	room, _ := r.room(ada, bob, eve)
	watcher := r.watch(ada, room, "")
	r.openCounted(bob, room)
	third := r.openCounted(eve, room)
	r.hub.SendTyping(room, bob.User.Ref())
	_ = third.Close()
	r.awaitPresent(room, 2)
	r.send(ada, room, "two are left")
	if got := names(watcher.until(t, "two are left")); strings.Contains(got, "typing") {
		t.Errorf("with three users came %q", got)
	}
	r.hub.SendTyping(room, bob.User.Ref())
	if e := watcher.next(t); e.name != "typing" {
		t.Errorf("with two users came %v", e)
	}
}

// BenchmarkEnter measures what it costs that a user enters a room and leaves it again, by the number of streams there,
// with and without the limit of the contract.
func BenchmarkEnter(b *testing.B) {
	for _, streams := range []int{100, 1000, 10_000} {
		for name, limit := range map[string]int{"announced": 0, "limited": models.MaxPresentAnnounced} {
			b.Run(fmt.Sprintf("streams=%d/%s", streams, name), func(b *testing.B) {
				h := &Hub{
					streams: map[string]*Stream{}, users: map[int64]map[*Stream]struct{}{}, rooms: map[int64]*room{},
					remote: newRemotePresence(), limits: Limits{PresentUsers: 1},
				}
				fillRoom(b, h, streams)
				h.limits.PresentUsers = limit
				h.rooms[1].presence = roomPresence{users: streams, counted: h.tooManyPresent(streams)}
				s := h.streams["0"]
				user := models.UserRef{ID: s.userID, Username: "somebody", DisplayName: "Somebody"}
				h.withLock(func() { h.exit(s, 1) })
				for b.Loop() {
					h.withLock(func() { h.enter(s, 1, presenceInfo{user: user}) })
					h.withLock(func() { h.exit(s, 1) })
				}
			})
		}
	}
}

// fillRoom makes streams of as many users present in room 1. They share a few connections, whose clients read all.
func fillRoom(b *testing.B, h *Hub, streams int) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer listener.Close()
	const connections = 50
	var sockets []socket
	for range connections {
		client, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		go func() { _, _ = io.Copy(io.Discard, client) }()
		conn, err := listener.Accept()
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { _, _ = conn.Close(), client.Close() })
		s, err := newSocket(conn)
		if err != nil {
			b.Fatal(err)
		}
		sockets = append(sockets, s)
	}
	h.withLock(func() {
		for i := range streams {
			s := &Stream{hub: h, id: fmt.Sprint(i), userID: int64(i + 1), socket: sockets[i%connections]}
			h.streams[s.id], h.users[s.userID] = s, map[*Stream]struct{}{s: {}}
			h.enter(s, 1, presenceInfo{user: models.UserRef{ID: s.userID}})
		}
	})
}
