package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/pressly/goose/v3"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/postgres"
	"github.com/parley-chat/parley/models/store/internal/sqlite"
	"github.com/parley-chat/parley/test/databases"
)

// seenSchema is the last version of the schema in which memberships had a seen_count.
const seenSchema = 7

// TestMigrationKeepsUnreadCounts migrates a database from the old schema to the newest one and back: all unread counts
// stay the same, and stay right after further changes.
func TestMigrationKeepsUnreadCounts(t *testing.T) {
	databases.OnEachEmpty(t, func(t *testing.T, name string) {
		pool := newSeenDatabase(t, name)
		const counts = `SELECT m.room_id, m.user_id, r.message_count - m.seen_count
			FROM memberships m JOIN rooms r ON r.id = m.room_id ORDER BY m.room_id, m.user_id`
		want := rowsOf(t, pool, counts)
		if len(want) < 20 || strings.Contains(strings.Join(want, ","), "-") {
			t.Fatalf("too little to compare: %v", want)
		}

		const kept = "SELECT m.room_id, m.user_id, %s FROM memberships m JOIN rooms r ON r.id = m.room_id ORDER BY " +
			"m.room_id, m.user_id"
		t.Run("up", func(t *testing.T) {
			s := openStore(t, name)
			wantRows(t, "migrated", rowsOf(t, pool, fmt.Sprintf(kept, unreadCount)), want)
			changeRooms(t, s)
		})
		want = rowsOf(t, pool, `SELECT m.room_id, m.user_id, (SELECT count(*) FROM messages x WHERE x.room_id = r.id
			AND x.id > m.last_read_id AND x.id > r.cleared_id AND x.sender_id <> m.user_id AND x.deleted_at = 0)
			FROM memberships m JOIN rooms r ON r.id = m.room_id ORDER BY m.room_id, m.user_id`)
		wantRows(t, "used", rowsOf(t, pool, fmt.Sprintf(kept, unreadCount)), want)

		downTo(t, name, seenSchema)
		wantRows(t, "migrated down", rowsOf(t, pool, counts), want)
		if left := rowsOf(t, pool, `SELECT p.message_id FROM pins p JOIN rooms r ON r.id = p.room_id AND p.message_id <=
			r.cleared_id
			UNION ALL SELECT f.message_id FROM files f JOIN rooms r ON r.id = f.room_id AND f.message_id <=
			r.cleared_id`); len(left) > 0 {
			t.Errorf("cleared messages still have pins or files in the old schema: %v", left)
		}
		if err := Migrate(context.Background(), name); err != nil {
			t.Fatal(err)
		}
		wantRows(t, "migrated again", rowsOf(t, pool, fmt.Sprintf(kept, unreadCount)), want)
	})
}

// newSeenDatabase creates a database of the old schema: four rooms with 900 messages each, by six users and a deleted
// one. Some messages are deleted, and each user has read some. The second and third room were cleared, and the cleared
// messages are not purged yet.
func newSeenDatabase(t *testing.T, name string) *sql.DB {
	t.Helper()
	pool := downTo(t, name, seenSchema)
	const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900) "
	for _, statement := range []string{
		"INSERT INTO users (username, username_key, display_name, guest, created_at) " + numbers +
			"SELECT 'user' || i, 'user' || i, 'u', false, 0 FROM n WHERE i <= 6",
		"INSERT INTO rooms (name, kind, created_at, updated_at, active_at, last_message_id, last_message_at, cleared_id) " +
			numbers +
			"SELECT 'Room' || i, 'public', 0, 0, 0, 900, 900, CASE i WHEN 2 THEN 300 WHEN 3 THEN 900 ELSE 0 END FROM n WHERE " +
			"i <= 4",
		"INSERT INTO messages (room_id, id, sender_id, type, text, created_at, deleted_at) " + numbers + `
			SELECT r.id, n.i, 1 + (n.i * n.i + r.id) % 7, 'text', 'text', n.i, CASE WHEN n.i * 7 % (r.id + 2) = 0 OR n.i > 890
			THEN 1 ELSE 0 END
			FROM n CROSS JOIN rooms r`,
		`UPDATE rooms SET message_count = (SELECT count(*) FROM messages m
			WHERE m.room_id = rooms.id AND m.id > rooms.cleared_id AND m.deleted_at = 0)`,
		`INSERT INTO memberships (room_id, user_id, role, joined_at, joined_position, last_read_id, seen_count, muted)
			SELECT r.id, u.id, 'owner', 0, 0, (u.id - 1) * 180, 0, false FROM users u CROSS JOIN rooms r`,
		`UPDATE memberships SET seen_count = (SELECT count(*) FROM messages m JOIN rooms r ON r.id = m.room_id
			WHERE m.room_id = memberships.room_id AND m.id > r.cleared_id AND m.deleted_at = 0
			AND (m.id <= memberships.last_read_id OR m.sender_id = memberships.user_id))`,
		"INSERT INTO message_sweeps (room_id, up_to_id) SELECT id, cleared_id FROM rooms WHERE cleared_id > 0",
		"INSERT INTO pins (room_id, message_id, pinned_by, pinned_at) VALUES (4, 899, 1, 1), (1, 4, 1, 1)",
		`INSERT INTO files (id, room_id, user_id, message_id, blob, name, media_type, size, sha256, width, height, created_at)
			VALUES ('a', 1, 1, 4, 'A', '', '', 1, '', 0, 0, 0)`,
	} {
		if _, err := pool.Exec(statement); err != nil {
			t.Fatalf("%s: %v", statement, err)
		}
	}
	return pool
}

// changeRooms sends, reads, deletes and clears messages in a migrated database.
func changeRooms(t *testing.T, s *Store) {
	t.Helper()
	ctx := context.Background()
	for roomID := int64(1); roomID <= 4; roomID++ {
		path := models.RoomPath{ID: roomID}
		for userID := int64(1); userID <= 6; userID++ {
			m, _, err := s.Send(ctx, userID, path, models.NewMessage{Text: "text"}, nil)
			if err == nil && userID%2 == 0 {
				_, _, err = s.MarkRead(ctx, userID, path, models.ReadMark{MessageID: m.Message.ID - userID*100})
			}
			if err == nil && userID%3 == 0 {
				_, err = s.DeleteMessage(ctx, userID, path, m.Message.ID, models.Condition{})
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := s.ClearHistory(ctx, 1, models.RoomPath{ID: 1}); err != nil {
		t.Fatal(err)
	}
}

// downTo migrates a database down to an older schema version and opens it.
func downTo(t *testing.T, name string, version int64) *sql.DB {
	t.Helper()
	ctx := context.Background()
	var p *goose.Provider
	var pool *sql.DB
	d, err := dialectFor(name)
	if err == nil {
		err = Migrate(ctx, name)
	}
	if err != nil {
		t.Fatal(err)
	}
	switch d := d.(type) {
	case sqlite.Dialect:
		p, pool, err = d.Provider()
	case postgres.Dialect:
		p, pool, err = d.Provider(ctx)
	}
	if err == nil {
		_, err = p.DownTo(ctx, version)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pool.Close(); err != nil {
			t.Error(err)
		}
	})
	return pool
}

func rowsOf(t *testing.T, pool *sql.DB, query string) (lines []string) {
	t.Helper()
	rows, err := pool.Query(query)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	values, at := make([]int64, len(columns)), make([]any, len(columns))
	for i := range values {
		at[i] = &values[i]
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		if err := rows.Scan(at...); err != nil {
			t.Fatal(err)
		}
		lines = append(lines, fmt.Sprint(values))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func wantRows(t *testing.T, when string, got, want []string) {
	t.Helper()
	if strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("after it was %s: got rooms, users and unread counts\n%v, want\n%v", when, got, want)
	}
}
