package sse

import (
	"container/list"
	"context"
	"errors"
	"sync"
)

const (
	// replaySlotCount is how many streams may open or replay at the same time, replaySlotsPerUser how many of one user.
	replaySlotCount    = 32
	replaySlotsPerUser = 8
)

// replaySlots limits how many streams open or replay at the same time, in total and per user, and so the memory and the
// queries of all of them together. A stream holds a slot while it works: from the first query of its opening, while it
// reads the log, and while it writes to its socket without waiting; never while it waits for its peer.
//
// Streams without a slot wait. Users with waiting streams take turns, and those of one user get slots in the order of
// their arrival. So the streams of one user delay those of another by one turn, however many they are.
type replaySlots struct {
	mu      sync.Mutex
	free    int // if there are any, turns is empty
	perUser int
	users   map[int64]*slotUser
	turns   *list.List // of *slotUser: those who have waiters and fewer than perUser slots
	waiting int        // of all users
}

// slotUser is a user whose streams have slots or wait for them.
type slotUser struct {
	id      int64
	inUse   int
	waiters *list.List    // of chan struct{}, each closed when its slot is acquired
	turn    *list.Element // in turns; nil for none
}

func newReplaySlots(all, perUser int) *replaySlots {
	return &replaySlots{free: all, perUser: perUser, users: map[int64]*slotUser{}, turns: list.New()}
}

// errTooManyWaiters means that there is no room to wait for a slot.
var errTooManyWaiters = errors.New("too many wait for a slot")

// acquire waits for a slot, which has to be released, or returns the error of ctx.
func (s *replaySlots) acquire(ctx context.Context, userID int64) error {
	return s.acquireBounded(ctx, userID, 0, 0)
}

// acquireBounded is acquire that returns errTooManyWaiters in place of waiting if that many wait already, in total or
// of the user. 0 means no bound.
func (s *replaySlots) acquireBounded(ctx context.Context, userID int64, maxWaiting, maxOfUser int) error {
	s.mu.Lock()
	u := s.user(userID)
	if s.free > 0 && u.inUse < s.perUser {
		s.take(u)
		s.mu.Unlock()
		return nil
	}
	if maxWaiting > 0 && s.waiting >= maxWaiting || maxOfUser > 0 && u.waiters.Len() >= maxOfUser {
		s.forget(u)
		s.mu.Unlock()
		return errTooManyWaiters
	}
	ready := make(chan struct{})
	waiter := u.waiters.PushBack(ready)
	s.waiting++
	s.queue(u)
	s.mu.Unlock()
	select {
	case <-ready:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	select {
	case <-ready: // both at the same moment
		s.releaseLocked(u)
	default:
		s.remove(u, waiter)
	}
	return ctx.Err()
}

// release returns a slot.
func (s *replaySlots) release(userID int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.releaseLocked(s.users[userID])
}

// user returns the entry of a user, which remove and releaseLocked delete. s.mu is held.
func (s *replaySlots) user(id int64) *slotUser {
	u := s.users[id]
	if u == nil {
		u = &slotUser{id: id, waiters: list.New()}
		s.users[id] = u
	}
	return u
}

// take gives u a free slot. s.mu is held.
func (s *replaySlots) take(u *slotUser) {
	s.free--
	u.inUse++
}

// queue gives u a turn if a waiter of u may get the next slot. s.mu is held.
func (s *replaySlots) queue(u *slotUser) {
	if u.turn == nil && u.waiters.Len() > 0 && u.inUse < s.perUser {
		u.turn = s.turns.PushBack(u)
	}
}

// remove removes a waiter. s.mu is held.
func (s *replaySlots) remove(u *slotUser, waiter *list.Element) {
	u.waiters.Remove(waiter)
	s.waiting--
	if u.waiters.Len() == 0 && u.turn != nil {
		s.turns.Remove(u.turn)
		u.turn = nil
	}
	s.forget(u)
}

// forget deletes the entry of a user who needs none. s.mu is held.
func (s *replaySlots) forget(u *slotUser) {
	if u.inUse == 0 && u.waiters.Len() == 0 {
		delete(s.users, u.id)
	}
}

// releaseLocked returns a slot of u, and gives it to the user whose turn it is. s.mu is held.
func (s *replaySlots) releaseLocked(u *slotUser) {
	s.free++
	u.inUse--
	s.queue(u)
	s.forget(u)
	first := s.turns.Front()
	if first == nil {
		return
	}
	next, _ := s.turns.Remove(first).(*slotUser)
	next.turn = nil
	waiter := next.waiters.Front()
	s.take(next)
	s.remove(next, waiter)
	s.queue(next)
	close(waiter.Value.(chan struct{}))
}
