package sse

import (
	"context"
	"errors"
	"testing"
)

// TestReplaySlots checks that waiters get slots in the order of their arrival, except for users with the maximum of
// slots.
func TestReplaySlots(t *testing.T) {
	slots := newReplaySlots(2, 1)
	got := make(chan int64)
	take := func(ctx context.Context, userID int64) {
		before := waitingIn(slots)
		go func() {
			if err := slots.acquire(ctx, userID); err != nil {
				userID = 0
			}
			got <- userID
		}()
		eventually(t, func() string {
			if waitingIn(slots) == before {
				return "no waiter was added"
			}
			return ""
		})
	}
	want := func(userID int64) {
		t.Helper()
		if g := <-got; g != userID {
			t.Errorf("user %d got the slot, want %d", g, userID)
		}
	}
	if err := errors.Join(slots.acquire(t.Context(), 1), slots.acquire(t.Context(), 2)); err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	take(cancelled, 3)
	take(t.Context(), 1)
	take(t.Context(), 1)
	take(t.Context(), 4)
	cancel()
	want(0) // its context is done
	slots.release(2)
	want(4) // user 1 has one already
	slots.release(1)
	want(1)
	slots.release(4)
	slots.release(1)
	want(1)
	slots.release(1)
	if slots.free != 2 || len(slots.users)+slots.turns.Len()+slots.waiting != 0 {
		t.Errorf("%d slots are free, %v are in use, and %d wait", slots.free, slots.users, slots.waiting)
	}
}

func waitingIn(t *replaySlots) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.waiting
}
