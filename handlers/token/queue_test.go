package token

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"

	"github.com/parley-chat/parley/models"
)

// enterLater queues up, and tells its name when it has its turn, or when it has none.
func enterLater(ctx context.Context, q *queue, network, name string, turns *[]string, errs map[string]error) {
	go func() {
		if err := q.enter(ctx, network); err != nil {
			errs[name] = err
			return
		}
		*turns = append(*turns, name)
	}()
	synctest.Wait()
}

func TestNetworksTakeTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, errs := &queue{free: 1}, map[string]error{}
		var turns []string
		for i := range 4 {
			enterLater(t.Context(), q, "flood", "flood"+strconv.Itoa(i), &turns, errs)
		}
		ctx, leave := context.WithCancel(t.Context())
		enterLater(ctx, q, "gone", "gone", &turns, errs)
		enterLater(t.Context(), q, "one", "one", &turns, errs)
		enterLater(t.Context(), q, "other", "other", &turns, errs)
		leave()
		synctest.Wait()
		if !errors.Is(errs["gone"], context.Canceled) {
			t.Errorf("the one who is gone got %v", errs["gone"])
		}
		for range 6 {
			q.leave()
			synctest.Wait()
		}
		if want := []string{"flood0", "flood1", "one", "other", "flood2", "flood3"}; !slices.Equal(turns, want) {
			t.Errorf("the turns were %v, want %v", turns, want)
		}
		if q.free != 1 || q.waiting != 0 || len(q.lines) != 0 {
			t.Errorf("the empty queue has %d slots, %d waiting, %d lines", q.free, q.waiting, len(q.lines))
		}
	})
}

// TestLinesAreBounded: a flood fills its own line and not the queue; with many networks, newcomers take the place of the
// last of the longest line.
func TestLinesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q, errs := &queue{}, map[string]error{}
		var turns []string
		ctx, end := context.WithCancel(t.Context())
		for n := range maxWaiting / maxWaitingOfNetwork {
			for i := range maxWaitingOfNetwork {
				enterLater(ctx, q, strconv.Itoa(n), strconv.Itoa(n)+"/"+strconv.Itoa(i), &turns, errs)
			}
		}
		if len(errs) != 0 {
			t.Fatalf("refused before it is full: %v", errs)
		}
		enterLater(ctx, q, "0", "too many", &turns, errs)
		if !errors.Is(errs["too many"], &models.Error{Code: models.CodeRateLimited}) {
			t.Errorf("one too many of a network got %v", errs["too many"])
		}
		enterLater(ctx, q, "bystander", "bystander", &turns, errs)
		if len(errs) != 2 || errs["bystander"] != nil {
			t.Errorf("for one of another network were sent away: %v", errs)
		}
		for name, err := range errs {
			if name != "too many" && !errors.Is(err, &models.Error{Code: models.CodeUnavailable}) {
				t.Errorf("%s was sent away with %v", name, err)
			}
		}
		end()
		synctest.Wait()
		if q.waiting != 0 || len(q.lines) != 0 || len(turns) != 0 {
			t.Errorf("when all are gone, %d wait in %d lines, and %v had a turn", q.waiting, len(q.lines), turns)
		}
	})
}
