package bench

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestBareLoopWritesTheRowsOfParley compares the rows that sent messages leave in the database with those that the bare
// loop of the benchmark writes. If they differed, Parley would be compared with other work than its own.
func TestBareLoopWritesTheRowsOfParley(t *testing.T) {
	t.Parallel()
	for _, d := range benchDatabases() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			const members, messages = 2, 5
			sent := d.make(t)
			c := newChat(t, harness.StartServer(t, sent, "--event-retention", "1h").URL, members)
			for i, text := range sendTexts()[:messages] {
				c.members[i%members].SendText(c.roomID, text)
			}
			written := d.make(t)
			bare := newBareLoop(newChatIn(t, written, members), d.bare(t, written))
			for _, n := range []int{1, messages - 1} {
				if err := bare.commit(n); err != nil {
					t.Fatal(err)
				}
			}
			if err := bare.index(); err != nil {
				t.Fatal(err)
			}
			d.waitIndexed(t, sent)
			d.expectSameRows(t, sent, written,
				"SELECT position, pruned FROM event_head", "SELECT position FROM word_index",
				`SELECT position, name, everyone, room_id, user_id, peer_id, session_id, created_at > 0, message_id, data
					FROM events WHERE name = 'message.created' ORDER BY position`)
		})
	}
}

// TestFilledDatabaseHoldsTheRowsOfParley compares a database that a benchmark filled with one that got the same
// messages through Parley.
func TestFilledDatabaseHoldsTheRowsOfParley(t *testing.T) {
	t.Parallel()
	for _, d := range benchDatabases() {
		t.Run(d.name, func(t *testing.T) {
			t.Parallel()
			const size = 300
			written := d.newFilledDatabase(t, size)
			sent, s := d.newUnfilledDatabase(t, size)
			batches := make(chan []fillRow, 1)
			sent.generate(batches)
			for _, r := range <-batches {
				_, _, err := s.Store.Send(t.Context(), r.sender, models.RoomPath{ID: r.room}, models.NewMessage{Text: r.text}, nil)
				if err != nil {
					t.Fatal(err)
				}
			}
			d.waitIndexed(t, sent.database)
			d.expectSameRows(t, sent.database, written.database)
		})
	}
}

// waitIndexed waits until a server has indexed all messages of its database.
func (d benchDatabase) waitIndexed(t *testing.T, database string) {
	t.Helper()
	db := d.open(t, database)
	for end := time.Now().Add(harness.Timeout); ; {
		indexed := queryLines(t, db, "SELECT w.position = h.position FROM word_index w, event_head h")
		if slices.Contains([]string{"true", "1"}, indexed[0]) {
			return
		}
		if time.Now().After(end) {
			t.Fatal("not all messages are indexed in time")
		}
	}
}

// expectSameRows compares the rows of messages in two databases, without their times, and the results of further
// statements.
func (d benchDatabase) expectSameRows(t *testing.T, sent, written string, further ...string) {
	t.Helper()
	statements := slices.Concat([]string{
		`SELECT room_id, id, sender_id, type, text, reply_to, client_id, edited_at, deleted_at, created_at > 0,
			text_start, sender_seq, index_version FROM messages ORDER BY room_id, id`,
		`SELECT id, message_count, last_message_id, last_message_at > 0, active_at = last_message_at, updated_at = active_at
			FROM rooms ORDER BY id`,
		"SELECT room_id, user_id, last_read_id, sent_count, own_count, own_after FROM memberships ORDER BY room_id, user_id",
	}, d.words, further)
	want, got := d.dumpRows(t, sent, statements), d.dumpRows(t, written, statements)
	if len(want) < len(statements) {
		t.Fatalf("too few rows to compare: %v", want)
	}
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			from := func(lines []string) string {
				return strings.Join(lines[min(i, len(lines)):min(i+5, len(lines))], "\n")
			}
			t.Fatalf("the benchmark wrote\n%s\nwant the rows of Parley\n%s", from(got), from(want))
		}
	}
}

func (d benchDatabase) dumpRows(t *testing.T, database string, statements []string) (lines []string) {
	t.Helper()
	db := d.open(t, database)
	db.SetMaxOpenConns(1) // so that the next statement sees temporary tables
	for _, statement := range statements {
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
		lines = append(lines, fmt.Sprint(values...))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}
