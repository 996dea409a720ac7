package store

import (
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/databases"
)

// migrated creates the databases of the tests.
var migrated = databases.NewTemplate(Migrate)

// testStore is a store in a test. Its helper methods fail the test on any error.
type testStore struct {
	*Store
	t testing.TB
}

func openTestStore(t testing.TB, name string) *testStore {
	t.Helper()
	s, err := Open(context.Background(), Config{
		Database: name, Retention: time.Hour, Committed: func([]models.LogEntry) {}, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return &testStore{s, t}
}

func (h *testStore) close() {
	h.t.Helper()
	h.must(h.Close())
}

// stopJanitor stops the background jobs: after that, only the test itself purges.
func (h *testStore) stopJanitor() {
	h.stop()
	h.done.Wait()
}

func (h *testStore) must(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

func (h *testStore) want(err error, code models.Code) {
	h.t.Helper()
	if !errors.Is(err, &models.Error{Code: code}) {
		h.t.Errorf("got error %v, want %s", err, code)
	}
}

func (h *testStore) user(name string) models.User {
	h.t.Helper()
	login, err := h.SignUp(h.t.Context(), models.NewAccount{Username: name, PasswordHash: "hash"},
		models.NewSession{RefreshHash: rand.Text()}, nil)
	h.must(err)
	return login.User
}

// room creates a room that belongs to owner, with the others as members.
func (h *testStore) room(name string, kind models.RoomKind, owner models.User, others ...models.User) models.Room {
	h.t.Helper()
	room, _, err := h.CreateRoom(h.t.Context(), owner.ID,
		models.NewRoom{Name: &name, Kind: &kind, Handle: handleOf(name, kind)}, nil)
	h.must(err)
	for _, u := range others {
		_, _, err := h.PutMember(h.t.Context(), owner.ID, models.RoomPath{ID: room.ID}, models.UserPath{ID: u.ID},
			models.RoleChange{})
		h.must(err)
	}
	return room
}

func handleOf(name string, kind models.RoomKind) *string {
	if kind == models.RoomPublic {
		return &name
	}
	return nil
}

func (h *testStore) say(roomID int64, sender models.User, text string) int64 {
	h.t.Helper()
	sent, _, err := h.Send(h.t.Context(), sender.ID, models.RoomPath{ID: roomID}, models.NewMessage{Text: text}, nil)
	h.must(err)
	return sent.Message.ID
}

func (h *testStore) rows(query string, args ...any) (n int64) {
	h.t.Helper()
	h.must(h.writer.Raw("SELECT count(*) FROM "+query, args...).Scan(&n).Error)
	return n
}

// pollEvery is how often a test checks whether the janitor is done.
const pollEvery = 5 * time.Millisecond

// purged waits until the janitor has purged everything.
func (h *testStore) purged() {
	h.t.Helper()
	for deadline := time.Now().Add(time.Minute); ; <-time.After(pollEvery) {
		left := h.rows("departures") + h.rows("rooms WHERE deleted_at <> 0") + h.rows("message_sweeps")
		if left == 0 {
			return
		}
		if time.Now().After(deadline) {
			h.t.Fatalf("after a minute, %d rows are not purged", left)
		}
	}
}

// visibleEvents returns how many events of each name after a position the user may see.
func (h *testStore) visibleEvents(userID, after int64) map[models.EventName]int {
	h.t.Helper()
	head, _, err := h.Bounds(h.t.Context())
	h.must(err)
	view, err := h.Visibility(h.t.Context(), userID, after)
	h.must(err)
	entries, err := h.EntriesFor(h.t.Context(), userID, after, head, int(head)+1)
	h.must(err)
	count := map[models.EventName]int{}
	for _, e := range entries {
		in := slices.ContainsFunc(view.Spans, func(s models.Span) bool {
			return s.RoomID == e.Audience.RoomID && s.From <= e.Position && (s.To == 0 || e.Position <= s.To)
		})
		if in || e.Audience.Everyone || e.Audience.UserID == userID || e.Audience.PeerID == userID {
			count[e.Name]++
		}
	}
	return count
}
