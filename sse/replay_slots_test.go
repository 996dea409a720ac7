package sse

import (
	"context"
	"errors"
	"testing"
)

// TestReplaySlots checks that waiters get slots in the order of their arrival, except for users with the maximum of
// slots.
func TestReplaySlots(t *testing.T) {
	turns := newReplaySlots(2, 1)
	got := make(chan int64)
	take := func(ctx context.Context, userID int64) {
		before := waitingIn(turns)
		go func() {
			if err := turns.acquire(ctx, userID); err != nil {
				userID = 0
			}
			got <- userID
		}()
		eventually(t, func() string {
			if waitingIn(turns) == before {
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
	if err := errors.Join(turns.acquire(t.Context(), 1), turns.acquire(t.Context(), 2)); err != nil {
		t.Fatal(err)
	}
	gone, leave := context.WithCancel(t.Context())
	take(gone, 3)
	take(t.Context(), 1)
	take(t.Context(), 1)
	take(t.Context(), 4)
	leave()
	want(0) // its context is done
	turns.release(2)
	want(4) // user 1 has one already
	turns.release(1)
	want(1)
	turns.release(4)
	turns.release(1)
	want(1)
	turns.release(1)
	if turns.free != 2 || len(turns.users)+turns.queue.Len() != 0 {
		t.Errorf("%d slots are free, %v are in use, and %d wait", turns.free, turns.users, turns.queue.Len())
	}
}

func waitingIn(t *replaySlots) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.queue.Len()
}
