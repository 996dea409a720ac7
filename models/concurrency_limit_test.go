package models

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestConcurrencyLimitIsFair lets one user request many operations before another user requests one: that one is next.
func TestConcurrencyLimitIsFair(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limit := NewConcurrencyLimit(1, 1)
		var order []int64
		ask := func(userID int64) {
			done, err := limit.Acquire(t.Context(), userID)
			if err != nil {
				t.Error(err)
				return
			}
			order = append(order, userID)
			<-time.After(time.Second)
			done()
		}
		for _, userID := range []int64{7, 7, 7, 8} {
			go ask(userID)
			synctest.Wait()
		}
		<-time.After(time.Minute)
		synctest.Wait()
		if want := []int64{7, 8, 7, 7}; !slices.Equal(order, want) {
			t.Errorf("got the order %v, want %v", order, want)
		}
		if len(limit.users) != 0 {
			t.Errorf("%d users are still stored", len(limit.users))
		}
	})
}

// TestCanceledWaits cancels waits, while an operation of the same user runs and while one of another user does.
func TestCanceledWaits(t *testing.T) {
	limit := NewConcurrencyLimit(1, 1)
	done, err := limit.Acquire(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, userID := range []int64{7, 8} {
		if _, err := limit.Acquire(over, userID); !errors.Is(err, context.Canceled) {
			t.Errorf("user %d: %v", userID, err)
		}
	}
	done()
	done() // once more, which changes nothing
	done, err = limit.Acquire(t.Context(), 8)
	if err != nil {
		t.Fatal(err)
	}
	done()
	if len(limit.users) != 0 {
		t.Errorf("%d users are still stored", len(limit.users))
	}
}
