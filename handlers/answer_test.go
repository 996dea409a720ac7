package handlers

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/models"
)

// askForPage has a user ask for a page, which handle makes.
func askForPage(t *testing.T, userID int64, accept string, handle func() (reply, error)) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/rooms", http.NoBody)
	r.Header.Set("Accept", accept)
	answerPage(httptest.NewRecorder(), withContext(r, &reqContext{id: "test", caller: models.Caller{UserID: userID}}), handle)
}

// TestPagesTakeTurns has one user ask for many pages at once: no more than four are made at a time.
func TestPagesTakeTurns(t *testing.T) {
	var now, most, asked atomic.Int64
	var asking sync.WaitGroup
	const pages = 40
	for range pages {
		asking.Go(func() {
			asked.Add(1)
			askForPage(t, 7, jsonType, func() (reply, error) {
				n := now.Add(1)
				defer now.Add(-1)
				await(t, "all have asked", func() bool { return asked.Load() == pages })
				for m := most.Load(); n > m && !most.CompareAndSwap(m, n); m = most.Load() {
					continue
				}
				return plain([]int{}), nil
			})
		})
	}
	asking.Wait()
	if n := most.Load(); n > 4 {
		t.Errorf("%d pages were made at once", n)
	}
}

// TestTurnsOfPagesEnd ends pages in every way there is: none of them keeps its turn.
func TestTurnsOfPagesEnd(t *testing.T) {
	for what, handle := range map[string]func() (reply, error){
		"well":            func() (reply, error) { return plain([]int{}), nil },
		"in an error":     func() (reply, error) { return reply{}, errors.New("it failed") },
		"not encodable":   func() (reply, error) { return plain(func() {}), nil },
		"in a panic":      func() (reply, error) { panic("a defect") },
		"in another type": func() (reply, error) { return plain([]int{}), nil },
	} {
		accept := jsonType
		if what == "in another type" {
			accept = "image/png"
		}
		for range 20 { // more than there are turns
			func() {
				defer func() { _ = recover() }()
				askForPage(t, 8, accept, handle)
			}()
		}
	}
}
