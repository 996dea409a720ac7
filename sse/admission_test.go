package sse

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store"
)

// fillSlots takes all slots of a user: streams that the user opens wait until release is called.
func (r *rig) fillSlots(l models.Login) (release func()) {
	r.t.Helper()
	for range replaySlotsPerUser {
		r.must(r.hub.replaySlots.acquire(r.t.Context(), l.User.ID))
	}
	return func() {
		for range replaySlotsPerUser {
			r.hub.replaySlots.release(l.User.ID)
		}
	}
}

// waiting waits until that many streams wait for a slot.
func (r *rig) waiting(n int) {
	r.t.Helper()
	eventually(r.t, func() string {
		if got := waitingIn(r.hub.replaySlots); got != n {
			return fmt.Sprintf("%d streams wait, not %d", got, n)
		}
		return ""
	})
}

// refusal reads the response to a stream that was refused.
func (p *peer) refusal(t *testing.T) string {
	t.Helper()
	_ = p.SetReadDeadline(time.Now().Add(testTimeout))
	res, err := http.ReadResponse(p.lines, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	body, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("the response is %s: %s, %v", res.Status, body, err)
	}
	return string(body)
}

// TestWaitingOpeningEnds opens a stream that has to wait, and ends the wait in every way there is. No slot is lost.
func TestWaitingOpeningEnds(t *testing.T) {
	for name, c := range map[string]struct {
		wait time.Duration
		end  func(r *rig, ada models.Login, p *peer, release func())
	}{
		"its turn": {openWait, func(r *rig, _ models.Login, p *peer, release func()) {
			release()
			if !p.skipTo("event: ready") {
				r.t.Error("no stream was opened")
			}
			_ = p.Close()
		}},
		"the client is gone": {openWait, func(r *rig, _ models.Login, p *peer, release func()) {
			reset(p)
			r.waiting(0)
			release()
		}},
		"the server stops": {openWait, func(r *rig, _ models.Login, p *peer, release func()) {
			r.hub.StopAccepting()
			if got := p.refusal(r.t); !strings.Contains(got, "stopping") {
				r.t.Errorf("the response is %q", got)
			}
			release()
		}},
		"logged out": {openWait, func(r *rig, ada models.Login, p *peer, release func()) {
			_, err := r.store.LogOut(r.t.Context(), ada.User.ID, ada.SessionID)
			r.must(err)
			release()
			if got := p.refusal(r.t); !strings.Contains(got, "session") {
				r.t.Errorf("the response is %q", got)
			}
		}},
		"after the longest wait": {time.Millisecond, func(r *rig, _ models.Login, p *peer, release func()) {
			if got := p.refusal(r.t); !strings.Contains(got, "Too many streams") {
				r.t.Errorf("the response is %q", got)
			}
			release()
		}},
	} {
		t.Run(name, func(t *testing.T) {
			sameLog := func(s *store.Store) Log { return s }
			r := newRigWith(t, Limits{}, sameLog, func(h *Hub) { h.openWait = c.wait })
			ada := r.signUp("ada")
			release := r.fillSlots(ada)
			p := r.dial(ada, 0, "")
			defer func() { _ = p.Close() }()
			if c.wait == openWait {
				r.waiting(1)
			}
			c.end(r, ada, p, release)
			eventually(t, func() string {
				slots := r.hub.replaySlots
				slots.mu.Lock()
				defer slots.mu.Unlock()
				if slots.free != replaySlotCount || slots.waiting != 0 || len(slots.users) != 0 {
					return fmt.Sprintf("%d slots are free, %d streams wait", slots.free, slots.waiting)
				}
				return ""
			})
		})
	}
}

// TestTooManyOpenings checks both bounds of the streams that wait, and the error above them.
func TestTooManyOpenings(t *testing.T) {
	slots := newReplaySlots(1, 1)
	ctx, cancel := context.WithCancel(t.Context())
	var waiters sync.WaitGroup
	wait := func(userID int64) {
		before := waitingIn(slots)
		waiters.Go(func() { _ = slots.acquireBounded(ctx, userID, 3, 2) })
		eventually(t, func() string {
			if waitingIn(slots) == before {
				return "it does not wait"
			}
			return ""
		})
	}
	if err := slots.acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	wait(1)
	wait(1)
	if err := slots.acquireBounded(ctx, 1, 3, 2); !errors.Is(err, errTooManyWaiters) {
		t.Errorf("a third one of the same user: %v", err)
	}
	wait(2)
	if err := slots.acquireBounded(ctx, 3, 3, 2); !errors.Is(err, errTooManyWaiters) {
		t.Errorf("a fourth one of all: %v", err)
	}
	cancel()
	waiters.Wait()
	slots.release(1)
	if slots.free != 1 || slots.waiting != 0 || len(slots.users) != 0 {
		t.Errorf("left are %+v", slots)
	}
}

// TestOneUserWaitsWithFewStreams opens more streams than a user may have, while none can be opened. Only twice as many
// wait, so that a few users do not take all places.
func TestOneUserWaitsWithFewStreams(t *testing.T) {
	const limit = 3
	r := newRig(t, Limits{Streams: limit})
	ada := r.signUp("ada")
	release := r.fillSlots(ada)
	defer release()
	for i := range 2 * limit {
		p := r.dial(ada, 0, "")
		t.Cleanup(func() { _ = p.Close() })
		r.waiting(i + 1)
	}
	p := r.dial(ada, 0, "")
	defer func() { _ = p.Close() }()
	if got := p.refusal(t); !strings.Contains(got, "Too many streams") {
		t.Errorf("the response is %q", got)
	}
}

// TestUsersTakeTurns has one user wait with many streams before another one comes, who is next all the same.
func TestUsersTakeTurns(t *testing.T) {
	slots := newReplaySlots(1, 1)
	if err := slots.acquire(t.Context(), 1); err != nil {
		t.Fatal(err)
	}
	var order []int64
	var waiters sync.WaitGroup
	for i, userID := range []int64{1, 1, 1, 1, 2, 3} {
		waiters.Go(func() {
			if err := slots.acquire(t.Context(), userID); err != nil {
				t.Error(err)
			}
			order = append(order, userID) // the one slot guards it
			slots.release(userID)
		})
		eventually(t, func() string {
			if waitingIn(slots) != i+1 {
				return "it does not wait"
			}
			return ""
		})
	}
	slots.release(1)
	waiters.Wait()
	if got := fmt.Sprint(order); got != "[2 3 1 1 1 1]" {
		t.Errorf("the slots went to users %v", got)
	}
}

// TestRemovedWhileAStreamOpens removes a member whose stream waits to be opened, or has loaded what its user may see.
// The event that removes the member is the last one of the room that the stream gets.
func TestRemovedWhileAStreamOpens(t *testing.T) {
	for name, waits := range map[string]bool{"while it waits": true, "after its snapshot": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, Limits{})
			ada, bob := r.signUp("ada"), r.signUp("bob")
			room, start := r.room(bob, ada)
			other, _ := r.room(bob, ada)
			remove := func() {
				r.send(bob, room, "before")
				r.leave(ada, room)
				r.send(bob, room, "hidden")
				r.send(bob, other, "the last one")
			}
			release := func() {}
			if waits {
				release = r.fillSlots(ada)
			} else {
				r.beforeHijack = remove
			}
			p := r.dial(ada, room, start.String())
			defer func() { _ = p.Close() }()
			if waits {
				r.waiting(1)
				remove()
			}
			release()
			text := fmt.Sprint(p.until(t, "the last one"))
			if !strings.Contains(text, `"before"`) || strings.Contains(text, `"hidden"`) ||
				!strings.Contains(text, "member.left") {
				t.Errorf("the stream got %s", text)
			}
			r.attached()
			if present := r.hub.Present(room); len(present) != 0 {
				t.Errorf("present are %v", present)
			}
		})
	}
}

// TestStormLosesNothing lets many streams of a few users come back at once, while messages are sent, edited and
// deleted. Each stream gets each message once and in order, and nothing that was deleted before.
func TestStormLosesNothing(t *testing.T) {
	const users, each, before, during = 6, 12, 100, 60
	r := newRig(t, Limits{})
	owner := r.signUp("owner")
	var logins []models.Login
	for i := range users {
		logins = append(logins, r.signUp(fmt.Sprint("user", i)))
	}
	room, start := r.room(owner, logins...)
	path := models.RoomPath{ID: room}
	r.send(owner, room, "secret")
	for i := range before {
		r.send(owner, room, fmt.Sprint("number ", i))
	}
	_, err := r.store.DeleteMessage(t.Context(), owner.User.ID, path, 1, models.Condition{})
	r.must(err)
	var all sync.WaitGroup
	all.Go(func() {
		for i := range during {
			r.send(owner, room, fmt.Sprint("number ", before+i))
			id := int64(2 + i)
			_, _, err := r.store.EditMessage(context.Background(), owner.User.ID, path, id,
				models.MessageEdit{Text: fmt.Sprint("edited number ", i)}, models.Condition{})
			if i%7 == 0 {
				_, err = r.store.DeleteMessage(context.Background(), owner.User.ID, path, id, models.Condition{})
			}
			if err != nil {
				t.Error(err)
			}
		}
		r.send(owner, room, "the last one")
	})
	for i := range users * each {
		all.Go(func() {
			p := r.open(logins[i%users], room, start.String())
			defer func() { _ = p.Close() }()
			next := int64(1)
			for {
				if !p.skipTo("event: message.created") {
					t.Error("the stream ended")
					return
				}
				data, _ := p.lines.ReadString('\n')
				if !strings.HasPrefix(data, fmt.Sprintf(`data: {"id":%d,`, next)) || strings.Contains(data, `"secret"`) {
					t.Errorf("instead of message %d came %s", next, data)
					return
				}
				if strings.Contains(data, `"the last one"`) {
					return
				}
				next++
			}
		})
	}
	all.Wait()
}
