package store

import (
	"context"
	"log/slog"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// TestSessionsAreTouched uses sessions that were last used an hour ago: that they are used now is stored behind the
// request, once, and at the latest when the store closes.
func TestSessionsAreTouched(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		var callers []models.Caller
		for _, name := range []string{"anna", "ben"} {
			login, err := h.SignUp(t.Context(), models.NewAccount{Username: name, PasswordHash: "hash"},
				models.NewSession{RefreshHash: name}, nil)
			h.must(err)
			callers = append(callers, models.Caller{UserID: login.User.ID, SessionID: login.SessionID})
		}
		h.must(database.Exec(h.writer.WithContext(t.Context()), "UPDATE sessions SET last_used_at = last_used_at - 3600000"))
		touched := func(of models.Caller) bool {
			t.Helper()
			var at int64
			h.must(database.Scan(h.read(t.Context()), &at, "SELECT last_used_at FROM sessions WHERE id = ?", of.SessionID))
			return at > models.Now().Add(-time.Minute).UnixMilli()
		}
		for range 2 {
			h.must(h.CheckSession(t.Context(), callers[0]))
		}
		for deadline := time.Now().Add(time.Minute); !touched(callers[0]); <-time.After(pollEvery) {
			if time.Now().After(deadline) {
				t.Fatal("the session was not touched")
			}
		}
		h.must(h.CheckSession(t.Context(), callers[0])) // its row in the cache says so, too
		h.touches.mu.Lock()
		left := len(h.touches.used)
		h.touches.mu.Unlock()
		if left != 0 || touched(callers[1]) {
			t.Errorf("%d touches are left, and the other session is touched: %v", left, touched(callers[1]))
		}
		h.must(h.CheckSession(t.Context(), callers[1]))
		h.close()
		h = openTestStore(t, name)
		defer h.close()
		if !touched(callers[1]) {
			t.Error("a session that was used before the store closed was not touched")
		}
	})
}

// TestTouchesEndWithTheirTime stores touches in a database that does not respond in time: all are left out together,
// and not each batch after a wait of its own.
func TestTouchesEndWithTheirTime(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		h.stopJanitor()
		var log strings.Builder
		h.log = slog.New(slog.NewTextHandler(&log, nil))
		used := map[string]int64{}
		for i := range 3 * touchBatch {
			used[strconv.Itoa(i)] = 1
		}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		h.storeTouches(ctx, used)
		if n := strings.Count(log.String(), "\n"); n != 1 {
			t.Errorf("%d batches were tried, want 1", n)
		}
	})
}
