package sse

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
)

// holdReplays makes the replay of the stream that a user opens next wait for a slot until release is called: it takes
// all slots of the user, the last one from the opening.
func (r *rig) holdReplays(l models.Login) (release func()) {
	r.t.Helper()
	for range replaySlotsPerUser - 1 {
		r.must(r.hub.replaySlots.acquire(r.t.Context(), l.User.ID))
	}
	r.hub.beforeReplay = func(one *replay) {
		if one.stream.userID == l.User.ID {
			one.holdsSlot = false
		}
	}
	return func() {
		for range replaySlotsPerUser {
			r.hub.replaySlots.release(l.User.ID)
		}
	}
}

// waitForHead waits until the hub has applied what was committed before the call.
func (r *rig) waitForHead() {
	head, err := r.store.Head(context.Background())
	if err == nil {
		err = r.hub.waitForPosition(context.Background(), head.Position)
	}
	if err != nil {
		r.t.Error(err)
	}
}

// mute mutes a room for a member.
func (r *rig) mute(l models.Login, room int64) {
	r.t.Helper()
	yes := true
	_, _, err := r.store.Mute(r.t.Context(), l.User.ID, models.RoomPath{ID: room}, models.MembershipChange{Muted: &yes})
	r.must(err)
}

// block makes a user block another one, or no longer.
func (r *rig) block(blocker, blocked models.Login, on bool) {
	r.t.Helper()
	path := models.UserPath{ID: blocked.User.ID}
	err := r.store.Unblock(r.t.Context(), blocker.User.ID, path)
	if on {
		_, err = r.store.Block(r.t.Context(), blocker.User.ID, path)
	}
	r.must(err)
	r.waitForHead()
}

func (r *rig) leave(l models.Login, room int64) {
	if _, err := r.store.Leave(context.Background(), l.User.ID, models.RoomPath{ID: room}); err != nil {
		r.t.Error(err)
	}
}

// TestEndOfAMembership ends a membership in several ways: the stream forgets the mute of the room, and the other nodes
// learn that the user is no longer present there.
func TestEndOfAMembership(t *testing.T) {
	for name, end := range map[string]func(r *rig, owner, member models.Login, room int64){
		"leaves": func(r *rig, _, member models.Login, room int64) { r.leave(member, room) },
		"room deleted": func(r *rig, owner, _ models.Login, room int64) {
			_, err := r.store.DeleteRoom(r.t.Context(), owner.User.ID, models.RoomPath{ID: room}, models.Condition{})
			r.must(err)
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigOn(t, Limits{}, func(s *store.Store) Log { return sharedStore{s} })
			owner, member := r.signUp("owner"), r.signUp("member")
			room, _ := r.room(owner, member)
			_ = r.watch(member, room, "")
			r.attached()
			r.mute(member, room)
			r.waitForHead()
			stream := r.streams()[0]
			r.hub.withLock(func() {
				if stream.mutes.suppressesNothing() {
					t.Error("the room is not muted")
				}
			})
			r.requirePublished(room, true)
			end(r, owner, member, room)
			r.waitForHead()
			r.hub.withLock(func() {
				if !stream.mutes.suppressesNothing() {
					t.Error("the stream still has the mute of the room")
				}
			})
			r.requirePublished(room, false)
		})
	}
}

// requirePublished waits until the other nodes can see, or no longer see, that somebody is present in a room here.
func (r *rig) requirePublished(room int64, want bool) {
	r.t.Helper()
	eventually(r.t, func() string {
		nodes, err := r.store.Presences(r.t.Context())
		r.must(err)
		inRoom := func(p models.Presence) bool { return p.RoomID == room }
		if slices.ContainsFunc(nodes[r.hub.nodeID], inRoom) != want {
			return fmt.Sprintf("other nodes see %v, want presence in room %d: %v", nodes, room, want)
		}
		return ""
	})
}

// TestBlockOfAnOpenStream blocks and unblocks a user while a stream of the other is open, attached or in a replay. In
// between, the stream gets no presence and no typing of that user, whoever of the two has blocked.
func TestBlockOfAnOpenStream(t *testing.T) {
	for _, replaying := range []bool{false, true} {
		for _, own := range []bool{false, true} {
			t.Run(fmt.Sprintf("replaying %v, own %v", replaying, own), func(t *testing.T) {
				r := newRig(t, Limits{})
				ada, bob, eve := r.signUp("ada"), r.signUp("bob"), r.signUp("eve")
				room, _ := r.room(ada, bob, eve)
				release := func() {}
				if replaying {
					release = r.holdReplays(ada)
				}
				p := r.watch(ada, room, "")
				if !replaying {
					r.attached()
				}
				blocker, blocked := bob, ada
				if own {
					blocker, blocked = ada, bob
				}
				r.block(blocker, blocked, true)
				r.hub.SendTyping(room, bob.User.Ref())
				_ = r.watch(bob, room, "")
				r.hub.SendTyping(room, eve.User.Ref())
				r.block(blocker, blocked, false)
				r.hub.SendTyping(room, bob.User.Ref())
				release()
				got := ephemeralOf(p.until(t, `"username":"eve"`), bob)
				if len(got) != 0 {
					t.Errorf("while one has blocked the other, %v came", got)
				}
				for len(got) == 0 { // the block is removed
					got = ephemeralOf([]received{p.next(t)}, bob)
				}
			})
		}
	}
}

// ephemeralOf returns the presence and typing events about a user.
func ephemeralOf(events []received, l models.Login) (about []received) {
	for _, e := range events {
		of := e.name == "typing" || strings.HasPrefix(e.name, "presence.")
		if of && strings.Contains(e.data, fmt.Sprintf(`"username":%q`, l.User.Username)) {
			about = append(about, e)
		}
	}
	return about
}

// TestBlocksOfAReplayingStream makes a stream present in a room before it is attached. It knows the user's blocks
// already.
func TestBlocksOfAReplayingStream(t *testing.T) {
	for name, enters := range map[string]bool{"present when it opens": false, "enters later": true} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Limits{})
			ada, bob, eve := r.signUp("ada"), r.signUp("bob"), r.signUp("eve")
			room, _ := r.room(ada, bob, eve)
			r.block(ada, bob, true)
			release := r.holdReplays(ada)
			var p *peer
			if enters {
				p = r.watch(ada, 0, "")
				caller := models.Caller{UserID: ada.User.ID}
				r.must(r.hub.Enter(t.Context(), caller, r.streams()[0].id, models.Room{ID: room}, ada.User.Ref()))
			} else {
				p = r.watch(ada, room, "")
			}
			r.hub.SendTyping(room, bob.User.Ref())
			r.hub.SendTyping(room, eve.User.Ref())
			release()
			if got := ephemeralOf(p.until(t, `"username":"eve"`), bob); len(got) != 0 {
				t.Errorf("of a blocked user came %v", got)
			}
		})
	}
}

// TestPresenceEndsWhenTheStreamExits checks that a stream that has left a room is only notified of its messages.
func TestPresenceEndsWhenTheStreamExits(t *testing.T) {
	r := newRig(t, Limits{})
	ada, bob := r.signUp("ada"), r.signUp("bob")
	room, _ := r.room(ada, bob)
	p := r.watch(ada, room, "")
	r.attached()
	r.send(bob, room, "present")
	if e := p.until(t, `"present"`); e[len(e)-1].name != "message.created" {
		t.Errorf("while present, %v came", e)
	}
	caller := models.Caller{UserID: ada.User.ID}
	r.must(r.hub.Exit(t.Context(), caller, r.streams()[0].id, room))
	r.send(bob, room, "away")
	if e := p.until(t, `"away"`); e[len(e)-1].name != "message.notification" {
		t.Errorf("after the stream has left the room, %v came", e)
	}
}

// beforeVisibility calls a function, once, before the first visibility snapshot is loaded.
type beforeVisibility struct {
	*store.Store
	call *func()
}

func (l beforeVisibility) Visibility(ctx context.Context, userID, after int64) (models.Visibility, error) {
	if f := *l.call; f != nil {
		*l.call = nil
		f()
	}
	return l.Store.Visibility(ctx, userID, after)
}

// TestMemberLeavesWhileAStreamOpens opens a stream that is to be present in a room that its user leaves at the same
// time. If the stream was present, it no longer is when it is attached.
func TestMemberLeavesWhileAStreamOpens(t *testing.T) {
	for name, c := range map[string]struct {
		early bool   // before the membership is read
		want  string // what the others in the room get
	}{
		"before the membership is read": {true, ""},
		"after it was read":             {false, "presence.entered presence.left"},
	} {
		t.Run(name, func(t *testing.T) {
			var call func()
			r := newRigOn(t, Limits{}, func(s *store.Store) Log { return beforeVisibility{s, &call} })
			ada, bob := r.signUp("ada"), r.signUp("bob")
			room, _ := r.room(ada, bob)
			watcher := r.watch(ada, room, "")
			r.attached()
			leave := func() { r.leave(bob, room); r.waitForHead() }
			if c.early {
				call = leave
			} else {
				r.beforeHijack = leave
			}
			_ = r.watch(bob, room, "")
			r.attached()
			r.send(ada, room, "the last one")
			if got := names(ephemeralOf(watcher.until(t, "the last one"), bob)); got != c.want {
				t.Errorf("the others in the room got %q, want %q", got, c.want)
			}
			if got := r.hub.Present(room); !slices.Equal(got, []int64{ada.User.ID}) {
				t.Errorf("present are %v", got)
			}
		})
	}
}
