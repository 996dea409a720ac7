package store

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// TestHistoryIsPlannedOnce reads pages of a room that has almost all messages, and of a small one, and checks that
// PostgreSQL makes no plan for each page.
func TestHistoryIsPlannedOnce(t *testing.T) {
	t.Parallel()
	h := openTestStore(t, migrated.Postgres(t))
	defer h.close()
	h.stopJanitor()
	anna := h.user("anna")
	rooms := []models.Room{h.room("small", models.RoomPrivate, anna), h.room("large", models.RoomPrivate, anna)}
	for i, n := range []int{1, 50_000} {
		h.must(database.Exec(h.writer, `INSERT INTO messages (room_id, id, sender_id, type, text, reply_to, client_id,
			created_at) SELECT ?, n, ?, 'text', 'text', 0, '', n FROM generate_series(1, CAST(? AS BIGINT)) AS n`,
			rooms[i].ID, anna.ID, n))
		h.must(database.Exec(h.writer, "UPDATE rooms SET last_message_id = ? WHERE id = ?", n, rooms[i].ID))
	}
	h.must(database.Exec(h.writer, "ANALYZE"))
	pool, err := h.reader.DB()
	h.must(err)
	pool.SetMaxOpenConns(1)
	at := int64(30_000)
	const pages = 20
	for i := range pages {
		for _, q := range []models.HistoryQuery{{}, {Before: &at}, {After: &at}} {
			q.Limit = []int{1, 50, models.MaxPageSize}[i%3]
			_, err := h.History(t.Context(), anna.ID, pathOf(rooms[1-2*i/pages]), q)
			h.must(err)
		}
	}
	var planned []struct {
		Statement                 string
		GenericPlans, CustomPlans int64
	}
	h.must(database.Scan(h.reader, &planned, `SELECT statement, generic_plans, custom_plans FROM pg_prepared_statements
		WHERE statement LIKE '%AS part LIMIT%' AND statement NOT LIKE '%pg_prepared_statements%'`))
	if len(planned) != 3 {
		t.Fatalf("got %d statements, want one for each direction", len(planned))
	}
	for _, p := range planned {
		if want := int64(5); p.CustomPlans > want { // PostgreSQL compares the costs after five of them
			t.Errorf("%d of %d pages had a plan of their own: %s", p.CustomPlans, p.CustomPlans+p.GenericPlans,
				p.Statement)
		}
	}
}
