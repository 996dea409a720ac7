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
func (s *replaySlots) acquire(ctx context.Context, userID int64) error {
	s.mu.Lock()
	if s.tryAcquire(userID) {
		s.mu.Unlock()
		return nil
	}
	w := &slotWaiter{userID: userID, ready: make(chan struct{})}
	element := s.queue.PushBack(w)
	s.mu.Unlock()
	select {
	case <-w.ready:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-w.ready: // both at the same moment
		s.releaseLocked(userID)
	default:
		s.queue.Remove(element)
	}
	return ctx.Err()
}

// release returns a slot.
func (s *replaySlots) release(userID int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releaseLocked(userID)
}

// tryAcquire takes a slot if one is free for the user. s.mu is held.
func (s *replaySlots) tryAcquire(userID int64) bool {
	if s.free == 0 || s.users[userID] == s.perUser {
		return false
	}
	s.free--
	s.users[userID]++
	return true
}

// releaseLocked returns a slot, and gives it to the first waiter that may have it. s.mu is held.
func (s *replaySlots) releaseLocked(userID int64) {
	s.free++
	s.users[userID]--
	if s.users[userID] == 0 {
		delete(s.users, userID)
	}
	for element := s.queue.Front(); element != nil; element = element.Next() {
		if w, ok := element.Value.(*slotWaiter); ok && s.tryAcquire(w.userID) {
			s.queue.Remove(element)
			close(w.ready)
			return
		}
	}
}
