package handlers

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// askForPage has a user ask for a page, which handle makes.
func askForPage(t *testing.T, userID int64, accept string, handle func() (response, error)) {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/rooms", http.NoBody)
	r.Header.Set("Accept", accept)
	respondPage(
		httptest.NewRecorder(), request.With(r, &request.Context{ID: "test", Caller: models.Caller{UserID: userID}}), handle,
	)
}

// TestPagesOfOneUserAreLimited has one user ask for many pages at once: no more than four are made at a time.
func TestPagesOfOneUserAreLimited(t *testing.T) {
	var now, most, asked atomic.Int64
	var asking sync.WaitGroup
	const pages = 40
	for range pages {
		asking.Go(func() {
			asked.Add(1)
			askForPage(t, 7, codec.JSON, func() (response, error) {
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

// TestEveryPageReleasesItsSlot ends pages in every way there is: none of them counts any more after its end.
func TestEveryPageReleasesItsSlot(t *testing.T) {
	for what, handle := range map[string]func() (response, error){
		"well":            func() (response, error) { return plain([]int{}), nil },
		"in an error":     func() (response, error) { return response{}, errors.New("it failed") },
		"not encodable":   func() (response, error) { return plain(func() {}), nil },
		"in a panic":      func() (response, error) { panic("a defect") },
		"in another type": func() (response, error) { return plain([]int{}), nil },
	} {
		accept := codec.JSON
		if what == "in another type" {
			accept = "image/png"
		}
		for range 20 { // more than pageLimit allows
			func() {
				defer func() { _ = recover() }()
				askForPage(t, 8, accept, handle)
			}()
		}
	}
}

// await asks again and again until it is so.
func await(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(time.Minute); !is(); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatalf("%s: not within a minute", what)
		}
	}
}
