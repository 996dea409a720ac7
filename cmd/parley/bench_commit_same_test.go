package main

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestBareLoopWritesWhatParleyDoes compares what messages leave in the database when they are sent, and when the bare loop
// of the benchmark writes them. Were there less, Parley would be measured against another job.
func TestBareLoopWritesWhatParleyDoes(t *testing.T) {
	t.Parallel()
	for _, d := range benchDatabases() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			const members, messages = 2, 5
			sent := d.make(t)
			c := newChat(t, startServer(t, sent, "--event-retention", "1h").url, members)
			for i, text := range sendTexts()[:messages] {
				c.members[i%members].say(c.roomID, text)
			}
			written := d.make(t)
			bare := newBareLoop(newChatIn(t, written, members), d.bare(t, written))
			for _, n := range []int{1, messages - 1} {
				if err := bare.commit(n); err != nil {
					t.Fatal(err)
				}
			}
			want, got := d.left(t, sent), d.left(t, written)
			for i := range max(len(want), len(got)) {
				if i >= len(want) || i >= len(got) || want[i] != got[i] {
					t.Fatalf("Parley leaves\n%s\nthe bare loop\n%s", strings.Join(want[min(i, len(want)):], "\n"), strings.Join(got[min(i, len(got)):], "\n"))
				}
			}
		})
	}
}

// left is what messages have left in a database, without its times.
func (d benchDatabase) left(t *testing.T, database string) (lines []string) {
	t.Helper()
	db := d.open(t, database)
	db.SetMaxOpenConns(1) // what is made for one connection is there for the next statement
	for _, statement := range append([]string{
		`SELECT room_id, id, sender_id, type, text, reply_to, client_id, edited_at, deleted_at, created_at > 0, text_start
			FROM messages ORDER BY room_id, id`,
		"SELECT id, message_count, last_message_id, last_message_at > 0, active_at = last_message_at, updated_at = active_at FROM rooms",
		"SELECT room_id, user_id, seen_count, last_read_id FROM memberships ORDER BY room_id, user_id",
		"SELECT position, pruned FROM event_head",
		`SELECT position, name, everyone, room_id, user_id, peer_id, session_id, created_at > 0, data
			FROM events WHERE name = 'message.created' ORDER BY position`,
	}, d.words...) {
		lines = append(lines, queryLines(t, db, statement)...)
	}
	return lines
}

func queryLines(t *testing.T, db *sql.DB, statement string) (lines []string) {
	t.Helper()
	rows, err := db.Query(statement)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, at := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			at[i] = &values[i]
		}
		if err := rows.Scan(at...); err != nil {
			t.Fatal(err)
		}
		for i, name := range columns {
			if name == "data" {
				values[i] = timeless(t, fmt.Sprint(values[i]))
			}
		}
		lines = append(lines, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

// timeless is an event's message without its time and its id: the bare loop writes others, that are as long.
func timeless(t *testing.T, data string) models.Message {
	t.Helper()
	var m models.Message
	if err := json.Unmarshal([]byte(data), &m); err != nil {
		t.Fatal(err)
	}
	if reflect.ValueOf(m.CreatedAt).IsZero() || m.ID == 0 {
		t.Fatalf("an event has no time or no id: %s", data)
	}
	m.CreatedAt, m.ID = models.Time{}, 0
	return m
}
