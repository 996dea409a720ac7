package token

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/parley-chat/parley/models"
)

// visitors are those who queue up, and what becomes of them.
type visitors struct {
	q     *queue
	mu    sync.Mutex
	turns []string         // by name, in order
	errs  map[string]error // of those who had none
}

// enter queues up.
func (v *visitors) enter(ctx context.Context, network, name string) {
	go func() {
		err := v.q.enter(ctx, network)
		v.mu.Lock()
		defer v.mu.Unlock()
		if err != nil {
			v.errs[name] = err
			return
		}
		v.turns = append(v.turns, name)
	}()
	synctest.Wait()
}

func TestNetworksTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{free: 1}
		v := &visitors{q: q, errs: map[string]error{}}
		for i := range 4 {
			v.enter(t.Context(), "flood", "flood"+strconv.Itoa(i))
		}
		ctx, leave := context.WithCancel(t.Context())
		v.enter(ctx, "gone", "gone")
		v.enter(t.Context(), "one", "one")
		v.enter(t.Context(), "other", "other")
		leave()
		synctest.Wait()
		if !errors.Is(v.errs["gone"], context.Canceled) {
			t.Errorf("the one who is gone got %v", v.errs["gone"])
		}
		for range 6 {
			q.leave()
			synctest.Wait()
		}
		if want := []string{"flood0", "flood1", "one", "other", "flood2", "flood3"}; !slices.Equal(v.turns, want) {
			t.Errorf("the turns were %v, want %v", v.turns, want)
		}
		if q.free != 1 || q.waiting != 0 || len(q.lines) != 0 {
			t.Errorf("the empty queue has %d slots, %d waiting, %d lines", q.free, q.waiting, len(q.lines))
		}
	})
}

// TestLinesAreBounded: a flood fills its own line and not the queue; with many networks, newcomers take the place of
// the last of the longest line.
func TestLinesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := &queue{}
		v := &visitors{q: q, errs: map[string]error{}}
		ctx, end := context.WithCancel(t.Context())
		for n := range maxWaiting / maxWaitingOfNetwork {
			for i := range maxWaitingOfNetwork {
				v.enter(ctx, strconv.Itoa(n), strconv.Itoa(n)+"/"+strconv.Itoa(i))
			}
		}
		if len(v.errs) != 0 {
			t.Fatalf("refused before it is full: %v", v.errs)
		}
		v.enter(ctx, "0", "too many")
		if !errors.Is(v.errs["too many"], &models.Error{Code: models.CodeRateLimited}) {
			t.Errorf("one too many of a network got %v", v.errs["too many"])
		}
		v.enter(ctx, "bystander", "bystander")
		if len(v.errs) != 2 || v.errs["bystander"] != nil {
			t.Errorf("for one of another network were sent away: %v", v.errs)
		}
		for name, err := range v.errs {
			if name != "too many" && !errors.Is(err, &models.Error{Code: models.CodeUnavailable}) {
				t.Errorf("%s was sent away with %v", name, err)
			}
		}
		end()
		synctest.Wait()
		if q.waiting != 0 || len(q.lines) != 0 || len(v.turns) != 0 {
			t.Errorf("when all are gone, %d wait in %d lines, and %v had a turn", q.waiting, len(q.lines), v.turns)
		}
	})
}
