package models

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestTurns lets one user request many turns before another user requests one: that user gets the next turn.
func TestTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := NewTurns(1, 1)
		var order []int64
		ask := func(userID int64) {
			done, err := turns.Take(t.Context(), userID)
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
			t.Errorf("got turns %v, want %v", order, want)
		}
		if len(turns.users) != 0 {
			t.Errorf("%d users are still stored", len(turns.users))
		}
	})
}

// TestCanceledTurns cancels waits, while the same user has the turn and while another user has it.
func TestCanceledTurns(t *testing.T) {
	turns := NewTurns(1, 1)
	done, err := turns.Take(t.Context(), 7)
	if err != nil {
		t.Fatal(err)
	}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	for _, userID := range []int64{7, 8} {
		if _, err := turns.Take(over, userID); !errors.Is(err, context.Canceled) {
			t.Errorf("user %d: %v", userID, err)
		}
	}
	done()
	done() // once more, which changes nothing
	done, err = turns.Take(t.Context(), 8)
	if err != nil {
		t.Fatal(err)
	}
	done()
	if len(turns.users) != 0 {
		t.Errorf("%d users are still stored", len(turns.users))
	}
}
