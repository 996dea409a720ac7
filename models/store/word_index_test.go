package store

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/sqlite"
)

// indexedRows returns how many messages have words in the index.
func (h *testStore) indexedRows() int64 {
	h.t.Helper()
	if _, isSQLite := h.dialect.(sqlite.Dialect); isSQLite {
		return h.rows("message_words_docsize")
	}
	return h.rows("message_words")
}

// waiting returns how many events wait for the index.
func (h *testStore) waiting() (n int64) {
	h.t.Helper()
	h.must(database.Scan(h.read(h.t.Context()), &n,
		"SELECT h.position - w.position FROM event_head h, word_index w"))
	return n
}

// indexAll indexes all that waits for it. On PostgreSQL another transaction may still hold the index for a moment.
func (h *testStore) indexAll() {
	h.t.Helper()
	for deadline := time.Now().Add(time.Minute); h.waiting() > 0; <-time.After(pollEvery) {
		h.must(h.indexMessages(h.t.Context(), 1))
		if time.Now().After(deadline) {
			h.t.Fatalf("after a minute, %d events wait for the index", h.waiting())
		}
	}
}

// indexConstantly indexes messages one by one until it is stopped.
func (h *testStore) indexConstantly() (stop func()) {
	h.t.Helper()
	ctx, cancel := context.WithCancel(h.t.Context())
	var indexing sync.WaitGroup
	indexing.Go(func() {
		for ctx.Err() == nil {
			if err := h.indexMessages(ctx, 1); err != nil && ctx.Err() == nil {
				h.t.Error(err)
			}
		}
	})
	return func() { cancel(); indexing.Wait() }
}

// everywhere returns the texts in all of the caller's rooms that match the words, at most 50.
func (h *testStore) everywhere(ctx context.Context, caller models.User, words string) (texts []string) {
	h.t.Helper()
	page, err := h.SearchAll(ctx, caller.ID, models.WordSearch{Words: words, Paging: models.Paging{Limit: 50}})
	if err != nil {
		h.t.Error(err)
	}
	for _, m := range page.Items {
		texts = append(texts, m.Text)
	}
	return texts
}

// TestSenderFindsMessageAtOnce has many users send and search for what they have just sent, while it is being indexed.
// Each search finds it once.
func TestSenderFindsMessageAtOnce(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		const senders, each = 32, 20
		h := openTestStore(t, name)
		defer h.close()
		var users []models.User
		for i := range senders {
			users = append(users, h.user(fmt.Sprintf("user%d", i)))
		}
		rooms := []models.Room{
			h.room("talk", models.RoomPublic, users[0], users[1:]...),
			h.room("other", models.RoomPublic, users[0], users[1:]...),
		}
		stopIndexing := h.indexConstantly()
		var sending sync.WaitGroup
		for i, u := range users {
			sending.Go(func() {
				for n := range each {
					room := rooms[(i+n)%len(rooms)]
					text := fmt.Sprintf("common word%dx%dy", i, n)
					h.say(room.ID, u, text)
					if got := h.found(u, room.ID, text); !slices.Equal(got, []string{text}) {
						t.Errorf("search in the room for %q: got %q", text, got)
					}
					if got := h.everywhere(t.Context(), u, text); !slices.Equal(got, []string{text}) {
						t.Errorf("search in all rooms for %q: got %q", text, got)
					}
				}
			})
		}
		sending.Wait()
		stopIndexing()
		h.indexAll()
		if n := h.indexedRows(); n != senders*each {
			t.Errorf("%d messages are in the index, want %d", n, senders*each)
		}
	})
}

// TestChangesOfMessagesThatWaitForTheIndex edits, deletes and clears messages before they are indexed. Searches find
// what there is, before and after, and nothing of the others is indexed.
func TestChangesOfMessagesThatWaitForTheIndex(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		anna := h.user("anna")
		room, cleared := h.room("talk", models.RoomPublic, anna), h.room("cleared", models.RoomPublic, anna)
		gone := h.room("gone", models.RoomPublic, anna)
		h.indexing.Lock() // nothing is indexed for now
		edited, deleted := h.say(room.ID, anna, "tea one"), h.say(room.ID, anna, "tea two")
		h.say(room.ID, anna, "tea three")
		h.say(cleared.ID, anna, "tea four")
		h.say(gone.ID, anna, "tea five")
		_, _, err := h.EditMessage(t.Context(), anna.ID, models.RoomPath{ID: room.ID}, edited,
			models.MessageEdit{Text: "coffee one"}, models.Condition{})
		h.must(err)
		_, err = h.DeleteMessage(t.Context(), anna.ID, models.RoomPath{ID: room.ID}, deleted, models.Condition{})
		h.must(err)
		_, err = h.ClearHistory(t.Context(), anna.ID, models.RoomPath{ID: cleared.ID})
		h.must(err)
		_, err = h.DeleteRoom(t.Context(), anna.ID, models.RoomPath{ID: gone.ID}, models.Condition{})
		h.must(err)
		check := func(when string) {
			t.Helper()
			for words, want := range map[string][]string{
				"tea": {"tea three"}, "coffee": {"coffee one"}, "one": {"coffee one"}, "two": nil, "five": nil,
			} {
				if got := h.everywhere(t.Context(), anna, words); !slices.Equal(got, want) {
					t.Errorf("%s, search for %q: got %q, want %q", when, words, got, want)
				}
			}
		}
		if h.waiting() < 5 {
			t.Error("nothing waits for the index")
		}
		check("before they are indexed")
		h.purged()
		check("purged")
		h.indexing.Unlock()
		h.indexAll()
		check("indexed")
		if n := h.indexedRows(); n != 2 {
			t.Errorf("%d messages are in the index, want 2", n)
		}
	})
}

// TestIndexAgreesWithMessages edits and deletes messages while they are indexed. In the end, the index has what there
// is and nothing else.
func TestIndexAgreesWithMessages(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		const users, each = 8, 60
		h := openTestStore(t, name)
		defer h.close()
		anna := h.user("anna")
		room := h.room("talk", models.RoomPublic, anna)
		stopIndexing := h.indexConstantly()
		var changing sync.WaitGroup
		var mu sync.Mutex
		there, gone := map[string]bool{}, map[string]bool{}
		for u := range users {
			changing.Go(func() {
				for i := range each {
					first, second := fmt.Sprintf("first%dx%dy", u, i), fmt.Sprintf("second%dx%dy", u, i)
					id := h.say(room.ID, anna, first)
					var err error
					change := rand.IntN(4)
					if change&1 == 1 {
						_, _, err = h.EditMessage(t.Context(), anna.ID, models.RoomPath{ID: room.ID}, id,
							models.MessageEdit{Text: second}, models.Condition{})
					}
					if change&2 == 2 && err == nil {
						_, err = h.DeleteMessage(t.Context(), anna.ID, models.RoomPath{ID: room.ID}, id, models.Condition{})
					}
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					there[first], there[second] = change == 0, change == 1
					gone[first], gone[second] = change != 0, change != 1
					mu.Unlock()
				}
			})
		}
		changing.Wait()
		stopIndexing()
		h.indexAll()
		left := int64(0)
		for text := range there {
			var want []string
			if there[text] {
				left++
				want = []string{text}
			}
			if got := h.found(anna, room.ID, text); !slices.Equal(got, want) {
				t.Errorf("search for %q: got %q, want %q", text, got, want)
			}
		}
		if n := h.indexedRows(); n != left {
			t.Errorf("%d messages are in the index, want %d", n, left)
		}
	})
}

// TestLogIsKeptUntilIndexed prunes the log before its messages are indexed: the events of those stay.
func TestLogIsKeptUntilIndexed(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		anna := h.user("anna")
		room := h.room("talk", models.RoomPublic, anna)
		h.indexAll()
		h.stopJanitorAfter(func() { h.say(room.ID, anna, "tea") })
		h.retention = -time.Hour
		prune := func() (pruned int64) {
			t.Helper()
			for more := true; more; {
				var err error
				more, err = h.pruneEvents(t.Context())
				h.must(err)
			}
			_, pruned, err := h.Bounds(t.Context())
			h.must(err)
			return pruned
		}
		head, _, err := h.Bounds(t.Context())
		h.must(err)
		if pruned := prune(); pruned >= head {
			t.Errorf("pruned up to %d, of which the head %d is not indexed", pruned, head)
		}
		h.indexAll()
		if pruned := prune(); pruned != head {
			t.Errorf("pruned up to %d once all is indexed, want %d", pruned, head)
		}
		if got := h.found(anna, room.ID, "tea"); len(got) != 1 {
			t.Errorf("search: got %q", got)
		}
	})
}

// stopJanitorAfter stops the background jobs before they have indexed what f sends.
func (h *testStore) stopJanitorAfter(f func()) {
	h.indexing.Lock()
	f()
	h.stop()
	h.indexing.Unlock()
	h.done.Wait()
}

// TestNodesIndexByTurns has one node index while another one holds the index, and then ends without having finished.
func TestNodesIndexByTurns(t *testing.T) {
	name := migrated.Postgres(t)
	a, b := openTestStore(t, name), openTestStore(t, name)
	defer b.close()
	anna := a.user("anna")
	room := a.room("talk", models.RoomPublic, anna)
	a.stopJanitorAfter(func() { a.say(room.ID, anna, "tea") })
	holder := a.writer.Begin()
	var position int64
	a.must(database.Scan(holder, &position, "SELECT position FROM word_index WHERE id = 1 FOR UPDATE"))
	b.must(b.indexMessages(t.Context(), 1)) // returns at once
	b.say(room.ID, anna, "tea")
	if got := b.found(anna, room.ID, "tea"); len(got) != 2 {
		t.Errorf("search while the index is held: got %q", got)
	}
	if b.waiting() < 2 {
		t.Error("two nodes index at the same time")
	}
	a.must(holder.Rollback().Error)
	a.close()
	for deadline := time.Now().Add(time.Minute); b.waiting() > 0; <-time.After(pollEvery) {
		if time.Now().After(deadline) {
			t.Fatal("no node takes over")
		}
	}
	if got := b.found(anna, room.ID, "tea"); len(got) != 2 {
		t.Errorf("search after the takeover: got %q", got)
	}
}

// refuseWords has the database refuse to index a message. SQLite has no triggers on the index itself, but on one of the
// tables that it consists of.
func (h *testStore) refuseWords(roomID, id int64) {
	h.t.Helper()
	if _, isSQLite := h.dialect.(sqlite.Dialect); isSQLite {
		h.must(h.writer.Exec(fmt.Sprintf("CREATE TRIGGER refuse BEFORE INSERT ON message_words_docsize "+
			"WHEN NEW.id = %d BEGIN SELECT RAISE(ABORT, 'refused'); END", sqlite.WordsRow(roomID, id))).Error)
		return
	}
	h.must(h.writer.Exec("CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS " +
		"$$ BEGIN RAISE EXCEPTION 'refused'; END $$").Error)
	h.must(h.writer.Exec(fmt.Sprintf("CREATE TRIGGER refuse BEFORE INSERT ON message_words FOR EACH ROW "+
		"WHEN (NEW.room_id = %d AND NEW.id = %d) EXECUTE FUNCTION refuse()", roomID, id)).Error)
}

// TestRefusedWordsHoldUpNoOthers has the database refuse one message of a batch. The others are indexed and found, and
// the one is logged once.
func TestRefusedWordsHoldUpNoOthers(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		const messages, refused = 25, 17
		h := openTestStore(t, name)
		defer h.close()
		anna := h.user("anna")
		room := h.room("talk", models.RoomPublic, anna)
		h.indexAll()
		var want []string
		h.stopJanitorAfter(func() {
			for i := range messages {
				text := fmt.Sprintf("tea %d", i)
				if id := h.say(room.ID, anna, text); i == refused {
					h.refuseWords(room.ID, id)
				} else {
					want = append(want, text)
				}
			}
		})
		var log strings.Builder
		h.log = slog.New(slog.NewTextHandler(&log, nil))
		for range 2 {
			h.must(h.indexMessages(t.Context(), 1))
		}
		if n := h.waiting(); n != 0 {
			t.Errorf("%d events wait for the index", n)
		}
		if n := h.indexedRows(); n != messages-1 {
			t.Errorf("%d messages are in the index, want %d", n, messages-1)
		}
		if n := strings.Count(log.String(), "level=ERROR"); n != 1 {
			t.Errorf("logged %d times: %s", n, log.String())
		}
		slices.Reverse(want)
		if got := h.found(anna, room.ID, "tea"); !slices.Equal(got, want) {
			t.Errorf("search: got %q", got)
		}
	})
}

// TestSilentIndexerIsEnded has a node hold the index and say nothing more, as if its network was cut. The database ends
// its transaction, and another node takes over.
func TestSilentIndexerIsEnded(t *testing.T) {
	name := migrated.Postgres(t)
	h := openTestStore(t, name)
	defer h.close()
	anna := h.user("anna")
	room := h.room("talk", models.RoomPublic, anna)
	h.stopJanitorAfter(func() { h.say(room.ID, anna, "tea") })
	silent := h.writer.Begin()
	defer silent.Rollback()
	if b, err := (&transaction{DB: silent, store: h.Store}).claimUnindexed(); err != nil || len(b.messages) != 1 {
		t.Fatalf("read %d messages that wait for the index, error %v", len(b.messages), err)
	}
	var limit string
	h.must(database.Scan(silent, &limit, "SHOW idle_in_transaction_session_timeout"))
	if limit != "10s" {
		t.Errorf("the database waits %s for the next statement of an indexer", limit)
	}
	h.must(h.dialect.LimitIdle(silent, time.Second)) // so that the test does not wait as long
	h.must(h.indexMessages(t.Context(), 1))          // returns at once
	if h.waiting() == 0 {
		t.Error("two nodes index at the same time")
	}
	h.indexAll()
}

// TestMigrationDropsIndexBesideSend migrates a database without words while a server of the previous version has read
// messages and goes on to write some. Neither ends in a deadlock.
func TestMigrationDropsIndexBesideSend(t *testing.T) {
	const before = 16 // the schema before that of the word index
	name := migrated.Postgres(t)
	db := downTo(t, name, before)
	send, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = send.Rollback() }()
	exec := func(statement string) {
		t.Helper()
		if _, err := send.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	exec("SELECT id FROM messages")
	migration := make(chan error, 1)
	go func() { migration <- Migrate(context.Background(), name) }()
	const waits = "SELECT 1 FROM pg_locks WHERE NOT granted AND database = (SELECT oid FROM pg_database " +
		"WHERE datname = current_database())"
	for deadline := time.Now().Add(time.Minute); len(rowsOf(t, db, waits)) == 0; <-time.After(pollEvery) {
		if time.Now().After(deadline) {
			t.Fatal("the migration does not wait for the send")
		}
	}
	exec("UPDATE messages SET edited_at = 1")
	if err := send.Commit(); err != nil {
		t.Error(err)
	}
	if err := <-migration; err != nil {
		t.Error(err)
	}
}
