package sse

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestPresenceInARoom checks that the others in a room get one presence.entered for the first stream of a user, and one
// presence.left after the last.
func TestPresenceInARoom(t *testing.T) {
	r := newRig(t, Limits{})
	ada, bob := r.signUp("ada"), r.signUp("bob")
	room, _ := r.room(ada, bob)
	watcher := r.watch(ada, room, "")
	r.attached()
	first, second := r.open(bob, room, ""), r.open(bob, room, "")
	r.send(ada, room, "both streams are present")
	if got := names(watcher.until(t, "both streams")); strings.Count(got, "presence.entered") != 1+1 { // ada's own is one
		t.Errorf("with two streams came %q", got)
	}
	if got := r.hub.Present(room); len(got) != 2 || !slices.Contains(got, bob.User.ID) {
		t.Errorf("present are %v", got)
	}
	reset(first)
	eventually(t, func() string {
		if streams, _ := r.hub.Count(); streams != 2 {
			return "the first stream is still open"
		}
		return ""
	})
	r.send(ada, room, "one stream is left")
	if got := names(watcher.until(t, "one stream is left")); got != "message.created" {
		t.Errorf("after the first of two streams has ended came %q", got)
	}
	reset(second)
	if e := watcher.next(t); e.name != "presence.left" || !strings.Contains(e.data, `"username":"bob"`) {
		t.Errorf("after the last stream has ended came %v", e)
	}
	if got := r.hub.Present(room); len(got) != 1 {
		t.Errorf("present are %v", got)
	}
}

// TestEnterAndExit changes the presence of an open stream, which only its user may do, and only as a member of the
// room.
func TestEnterAndExit(t *testing.T) {
	r := newRig(t, Limits{})
	ada, bob := r.signUp("ada"), r.signUp("bob")
	id, _ := r.room(ada)
	room, caller := models.Room{ID: id}, models.Caller{UserID: ada.User.ID}
	_ = r.watch(ada, 0, "")
	r.attached()
	stream := r.streams()[0].id
	r.must(r.hub.Enter(t.Context(), caller, stream, room, ada.User.Ref()))
	if got := r.hub.Present(id); !slices.Equal(got, []int64{ada.User.ID}) {
		t.Errorf("present are %v", got)
	}
	other, _ := r.room(bob)
	err := r.hub.Enter(t.Context(), caller, stream, models.Room{ID: other}, ada.User.Ref())
	requireCode(t, err, models.CodeForbidden)
	err = r.hub.Enter(t.Context(), models.Caller{UserID: bob.User.ID}, stream, models.Room{ID: other}, bob.User.Ref())
	requireCode(t, err, models.CodeNotFound)
	r.must(r.hub.Exit(t.Context(), models.Caller{UserID: bob.User.ID}, stream, id))
	if got := r.hub.Present(id); len(got) != 1 {
		t.Errorf("another user has ended the presence: %v", got)
	}
	r.must(r.hub.Exit(t.Context(), caller, stream, id))
	if got := r.hub.Present(id); len(got) != 0 {
		t.Errorf("present are %v", got)
	}
	requireCode(t, r.hub.Exit(t.Context(), caller, "no stream", id), models.CodeNotFound)
}

// TestOnlineAndOffline checks that acquaintances are notified of a user's first stream, and of the end of the last one
// after offlineDelay, and that a reconnect in between is not published.
func TestOnlineAndOffline(t *testing.T) {
	r := newRig(t, Limits{PresenceRoom: 500})
	ada, bob := r.signUp("ada"), r.signUp("bob")
	room, _ := r.room(ada, bob)
	watcher := r.watch(ada, 0, "")
	r.attached()
	stream := r.open(bob, 0, "")
	if got := watcher.until(t, `"username":"bob"`); got[len(got)-1].name != "user.online" {
		t.Errorf("when bob came online, %v came", got)
	}
	disconnect := func() {
		t.Helper()
		reset(stream)
		eventually(t, func() string {
			if streams, _ := r.hub.Count(); streams != 1 {
				return "the stream of bob is still open"
			}
			return ""
		})
	}
	disconnect()
	r.hub.CheckStreams(time.Now())
	if !r.hub.Online(bob.User.ID) {
		t.Error("bob is offline at once")
	}
	stream = r.open(bob, 0, "")
	r.hub.withLock(func() {
		if len(r.hub.pendingOffline) != 0 {
			t.Error("bob is back, and still about to be offline")
		}
	})
	r.hub.CheckStreams(time.Now().Add(2 * offlineDelay))
	if !r.hub.Online(bob.User.ID) {
		t.Error("bob is offline with an open stream")
	}
	disconnect()
	r.send(ada, room, "reconnected")
	if got := names(watcher.until(t, "reconnected")); got != "message.created" {
		t.Errorf("when bob reconnected, %q came", got)
	}
	r.hub.CheckStreams(time.Now().Add(2 * offlineDelay))
	if e := watcher.next(t); e.name != "user.offline" {
		t.Errorf("when bob went offline, %v came", e)
	}
	if r.hub.Online(bob.User.ID) {
		t.Error("bob is still online")
	}
}

// TestTyping checks that a typing event comes to the streams that are present in the room, except those of users who
// have blocked the sender, and is not stored.
func TestTyping(t *testing.T) {
	r := newRig(t, Limits{})
	ada, bob, eve := r.signUp("ada"), r.signUp("bob"), r.signUp("eve")
	room, start := r.room(ada, bob, eve)
	_, err := r.store.Block(t.Context(), eve.User.ID, models.UserPath{ID: ada.User.ID})
	r.must(err)
	present, away, blocking := r.watch(bob, room, ""), r.watch(bob, 0, ""), r.watch(eve, room, "")
	r.attached()
	before, err := r.store.Head(t.Context())
	r.must(err)
	r.hub.SendTyping(room, ada.User.Ref())
	after, err := r.store.Head(t.Context())
	r.must(err)
	if before != after {
		t.Error("typing is in the log")
	}
	r.send(bob, room, "the last one")
	for name, c := range map[string]struct {
		stream *peer
		want   int
	}{
		"present": {present, 1}, "not present": {away, 0}, "blocking": {blocking, 0},
		"resumed": {r.watch(bob, room, start.String()), 0},
	} {
		if got := names(c.stream.until(t, "the last one")); strings.Count(got, "typing") != c.want {
			t.Errorf("%s: %q came, want %d typing", name, got, c.want)
		}
	}
}
