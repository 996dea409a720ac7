package sse

import (
	"container/list"
	"context"
	"sync"
)

// replaySlots limits how many streams replay at the same time, in total and per user, and so the memory of all
// replays together. A stream holds a slot while it reads and writes to its socket without waiting, never while it
// waits for its peer. Streams without a slot wait in the order of their arrival.
type replaySlots struct {
	mu      sync.Mutex
	free    int
	perUser int
	users   map[int64]int // slots in use by user
	queue   *list.List    // of *slotWaiter; for none of them there is a free slot
}

type slotWaiter struct {
	userID int64
	ready  chan struct{} // closed when the slot is acquired
}

func newReplaySlots(all, perUser int) *replaySlots {
	return &replaySlots{free: all, perUser: perUser, users: map[int64]int{}, queue: list.New()}
}

// acquire waits for a slot, which has to be released, or returns the error of ctx.
func (t *replaySlots) acquire(ctx context.Context, userID int64) error {
	t.mu.Lock()
	if t.tryAcquire(userID) {
		t.mu.Unlock()
		return nil
	}
	w := &slotWaiter{userID: userID, ready: make(chan struct{})}
	element := t.queue.PushBack(w)
	t.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	select {
	case <-w.ready: // both at the same moment
		t.releaseLocked(userID)
	default:
		t.queue.Remove(element)
	}
	return ctx.Err()
}

// release returns a slot.
func (t *replaySlots) release(userID int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.releaseLocked(userID)
}

// tryAcquire takes a slot if one is free for the user. t.mu is held.
func (t *replaySlots) tryAcquire(userID int64) bool {
	if t.free == 0 || t.users[userID] == t.perUser {
		return false
	}
	t.free--
	t.users[userID]++
	return true
}

// releaseLocked returns a slot, and gives it to the first waiter that may have it. t.mu is held.
func (t *replaySlots) releaseLocked(userID int64) {
	t.free++
	t.users[userID]--
	if t.users[userID] == 0 {
		delete(t.users, userID)
	}
	for element := t.queue.Front(); element != nil; element = element.Next() {
		if w, ok := element.Value.(*slotWaiter); ok && t.tryAcquire(w.userID) {
			t.queue.Remove(element)
			close(w.ready)
			return
		}
	}
}
