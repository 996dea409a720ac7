package sse

import (
	"container/list"
	"context"
	"sync"
)

// turns are shared by the streams that read the log. A stream holds one while it reads and hands to its socket what that
// takes at once, never while it waits for its peer. So what all of them have read at a moment is bounded by the number of
// turns, and one user cannot have them all. Whoever finds none waits, in the order of their coming.
type replaySlots struct {
	mu      sync.Mutex
	free    int
	perUser int
	users   map[int64]int // turns that each user's streams have now
	queue   *list.List    // of *waiter: nobody in it could have a turn that is free
}

type slotWaiter struct {
	userID int64
	ready  chan struct{} // closed when the turn has come
}

func newReplaySlots(all, perUser int) *replaySlots {
	return &replaySlots{free: all, perUser: perUser, users: map[int64]int{}, queue: list.New()}
}

// take waits for a turn, which give is to be called for, or for the end of ctx, which it answers.
func (t *replaySlots) acquire(ctx context.Context, userID int64) error {
	t.mu.Lock()
	if t.tryAcquire(userID) {
		t.mu.Unlock()
		return nil
	}
	w := &slotWaiter{userID: userID, ready: make(chan struct{})}
	place := t.queue.PushBack(w)
	t.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.ready: // at the same moment
		t.releaseLocked(userID)
	default:
		t.queue.Remove(place)
	}
	return ctx.Err()
}

// give gives a turn back.
func (t *replaySlots) release(userID int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.releaseLocked(userID)
}

// begin gives the user a turn, if there is one. t.mu is held.
func (t *replaySlots) tryAcquire(userID int64) bool {
	if t.free == 0 || t.users[userID] == t.perUser {
		return false
	}
	t.free--
	t.users[userID]++
	return true
}

// end takes a turn back, and gives it to the first in the queue who may have it. t.mu is held.
func (t *replaySlots) releaseLocked(userID int64) {
	t.free++
	t.users[userID]--
	if t.users[userID] == 0 {
		delete(t.users, userID)
	}
	for place := t.queue.Front(); place != nil; place = place.Next() {
		if w, ok := place.Value.(*slotWaiter); ok && t.tryAcquire(w.userID) {
			t.queue.Remove(place)
			close(w.ready)
			return
		}
	}
}
