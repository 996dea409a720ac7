package store

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestLogOrder writes from many goroutines at once: positions are gap-free, they are reported and read in the same
// order, and those of one room's messages are in the order of their ids.
func TestLogOrder(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		var mu sync.Mutex
		reported := map[int64]models.EventName{}
		s, err := Open(context.Background(), Config{
			Database: name, Retention: time.Hour, Log: slog.New(slog.DiscardHandler),
			Committed: func(entries []models.LogEntry) {
				mu.Lock()
				defer mu.Unlock()
				for i, e := range entries {
					if i > 0 && e.Position != entries[i-1].Position+1 {
						t.Errorf("position %d follows %d in one commit", e.Position, entries[i-1].Position)
					}
					if _, twice := reported[e.Position]; twice {
						t.Errorf("%d was reported twice", e.Position)
					}
					reported[e.Position] = e.Name
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		h := &testStore{s, t}
		defer h.close()
		anna := h.user("anna")
		rooms := []models.Room{h.room("one", models.RoomPublic, anna), h.room("two", models.RoomPublic, anna)}
		const writers, each = 8, 15
		var wait sync.WaitGroup
		for i := range writers {
			wait.Go(func() {
				room := rooms[i%len(rooms)]
				for n := range each {
					if i%4 == 3 { // a transaction of another kind
						text := fmt.Sprint(i, n)
						_, _, err := s.ChangeRoom(t.Context(), anna.ID, pathOf(room),
							models.RoomChange{Description: &text}, models.Condition{})
						if err != nil {
							t.Error(err)
						}
						continue
					}
					_, _, err := s.Send(t.Context(), anna.ID, pathOf(room), models.NewMessage{Text: "x"}, nil)
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		head, err := s.Head(t.Context())
		h.must(err)
		entries, err := s.Entries(t.Context(), 0, 10_000)
		h.must(err)
		if int64(len(entries)) != head.Position || len(reported) != len(entries) || len(entries) < writers*each {
			t.Fatalf("the head is %d, %d events are read and %d were reported", head.Position, len(entries), len(reported))
		}
		newest := map[int64]int64{}
		for i, e := range entries {
			if e.Position != int64(i)+1 || reported[e.Position] != e.Name {
				t.Fatalf("event %d has the position %d and was reported as %q, not %q", i+1, e.Position, reported[e.Position],
					e.Name)
			}
			if e.Name == models.EventMessageCreated {
				if e.MessageID != newest[e.Audience.RoomID]+1 {
					t.Errorf("message %d of room %d follows %d", e.MessageID, e.Audience.RoomID, newest[e.Audience.RoomID])
				}
				newest[e.Audience.RoomID] = e.MessageID
			}
		}
		some, err := s.Entries(t.Context(), 3, 2)
		h.must(err)
		if len(some) != 2 || some[0].Position != 4 {
			t.Errorf("two after 3 are %+v", some)
		}
	})
}

// TestPresenceRules lets nodes enter, report, and be found dead.
func TestPresenceRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna := h.user("anna")
		here := []models.Presence{{User: anna.Ref(), Here: true}}
		h.want(h.PublishPresence(ctx, models.PresenceUpdate{Node: "a", Changes: here}), models.CodeNotFound)
		h.must(h.RegisterNode(ctx, "a"))
		h.must(h.RegisterNode(ctx, "b"))
		head := func() int64 {
			t.Helper()
			head, err := h.Head(ctx)
			h.must(err)
			return head.Position
		}
		before := head()
		h.must(h.PublishPresence(ctx, models.PresenceUpdate{Node: "a", Changes: here}))
		if head() != before+1 {
			t.Error("the other node gets no event")
		}
		heartbeats, err := h.Heartbeat(ctx, "a")
		h.must(err)
		again, err := h.Heartbeat(ctx, "a")
		h.must(err)
		if len(again) != 2 || again["a"] != heartbeats["a"]+1 || again["b"] != heartbeats["b"] {
			t.Errorf("the heartbeats are %v and then %v", heartbeats, again)
		}
		present := func() int {
			t.Helper()
			p, err := h.Presences(ctx)
			h.must(err)
			return len(p["a"])
		}
		seen := models.Now()
		h.must(h.RemoveNode(ctx, "a", heartbeats["a"], seen)) // it has had another heartbeat since
		if present() != 1 {
			t.Error("a living node was removed")
		}
		h.must(h.RemoveNode(ctx, "a", again["a"], seen))
		if present() != 0 {
			t.Error("a dead node has presences")
		}
		got, err := h.User(ctx, userPath(anna))
		h.must(err)
		if got.LastSeenAt.Millis() != seen.Millis() {
			t.Errorf("anna was last seen at %v, not %v", got.LastSeenAt, seen)
		}
		h.want(h.RequestPresence(ctx, models.PresenceRequest{Node: "a"}), models.CodeNotFound)
		h.must(h.RequestPresence(ctx, models.PresenceRequest{Node: "b"}))
	})
}

// TestSearchRules finds messages by words and starts, those that were edited by their new text, and none that is
// deleted, cleared or of a room that the caller may not read.
func TestSearchRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna, ben := h.user("anna"), h.user("ben")
		open, closed := h.room("talk", models.RoomPublic, anna, ben), h.room("secret", models.RoomPrivate, anna)
		tea := h.say(open.ID, anna, "Green tea, please")
		edited := h.say(open.ID, anna, "coffee")
		deleted := h.say(open.ID, anna, "black tea")
		h.say(closed.ID, anna, "secret tea")
		_, _, err := h.EditMessage(ctx, anna.ID, pathOf(open), edited,
			models.MessageEdit{Text: "Grün wie Tee, tea"}, models.Condition{})
		h.must(err)
		_, err = h.DeleteMessage(ctx, anna.ID, pathOf(open), deleted, models.Condition{})
		h.must(err)
		everywhere := func(user models.User, words string) int {
			t.Helper()
			page, err := h.SearchAll(ctx, user.ID, models.WordSearch{Words: words, Paging: models.Paging{Limit: 10}})
			h.must(err)
			return len(page.Items)
		}
		for words, want := range map[string]int{"tea": 2, "TEA green": 1, "coffee": 0, "grun": 1, "pleas": 1, "lease": 0,
			"black": 0} {
			if got := h.found(ben, open.ID, words); len(got) != want {
				t.Errorf("%q finds %q", words, got)
			}
		}
		if everywhere(anna, "tea") != 3 || everywhere(ben, "tea") != 2 {
			t.Errorf("anna finds %d messages and ben %d", everywhere(anna, "tea"), everywhere(ben, "tea"))
		}
		words, start := "tea", "green T"
		_, err = h.SearchMessages(ctx, ben.ID, pathOf(closed), models.MessageSearch{Words: &words,
			Paging: models.Paging{Limit: 10}})
		h.want(err, models.CodeNotFound)
		page, err := h.SearchMessages(ctx, ben.ID, pathOf(open), models.MessageSearch{Prefix: &start,
			Paging: models.Paging{Limit: 10}})
		h.must(err)
		if len(page.Items) != 1 || page.Items[0].ID != tea {
			t.Errorf("search by start: got %+v", page.Items)
		}
		_, err = h.ClearHistory(ctx, anna.ID, pathOf(open))
		h.must(err)
		if len(h.found(ben, open.ID, "tea")) != 0 {
			t.Error("a cleared message is found")
		}
	})
}
