package store

import (
	"context"
	"fmt"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/models"
)

// benchMembers bounds the members of the room that is measured.
const benchMembers = 30_000

// BenchmarkWriter measures changes in a room with more and more rows: how long each holds the database's one writer
// must not grow with them. The room has as many messages, every third of them deleted, all unread to its members, of
// whom there are as many up to benchMembers; each of these has reacted to its first message.
func BenchmarkWriter(b *testing.B) {
	for kind, open := range map[string]func(testing.TB) string{
		"sqlite":   func(b testing.TB) string { return filepath.Join(b.TempDir(), "parley.db") },
		"postgres": newPostgres,
	} {
		for _, rows := range []int{1_000, 30_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/rows=%d", kind, rows), func(b *testing.B) {
				crowd := openCrowd(b, open(b), rows)
				b.Run("read", crowd.read)
				b.Run("list", crowd.list)
				b.Run("edit", crowd.edit)
				b.Run("delete", crowd.delete)
				b.Run("clear", crowd.clear)
			})
		}
	}
}

// crowd is the room that is measured, and who does it. User 1 is its owner, and all messages are theirs.
type crowd struct {
	*Store
	rows int
	path models.RoomPath
	gone int // messages that were deleted by the benchmark
}

func openCrowd(b *testing.B, name string, rows int) *crowd {
	b.Helper()
	tx := &crowd{Store: openStore(b, name), rows: rows, path: models.RoomPath{ID: 1}}
	tx.stop() // whatever would write beside what is measured
	tx.done.Wait()
	members := min(rows, benchMembers)
	numbers := "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	for _, fill := range []string{
		fmt.Sprintf("INSERT INTO users (username, username_key, display_name, guest, created_at) "+numbers+
			"SELECT 'user' || i, 'user' || i, 'u', false, 0 FROM n", members),
		"INSERT INTO rooms (name, name_key, kind, created_at, updated_at, active_at) VALUES ('crowd', 'crowd', 'public', " +
			"0, 0, 0)",
		fmt.Sprintf("INSERT INTO memberships (room_id, user_id, role, joined_at, joined_position, last_read_id, muted) "+
			""+numbers+
			"SELECT 1, i, CASE i WHEN 1 THEN 'owner' ELSE 'member' END, 0, 0, 0, false FROM n", members),
		fmt.Sprintf("INSERT INTO messages (room_id, id, sender_id, type, text, created_at, text_start, sender_seq, "+
			"index_version, deleted_at) "+numbers+
			"SELECT 1, i, 1, 'text', 'text', i, '', i, 1, CASE i %% 3 WHEN 0 THEN 1 ELSE 0 END FROM n", rows),
		`INSERT INTO deletion_tallies (room_id, sender_id, level, chunk, count)
			SELECT 1, w.sender, 0, m.id >> 8, count(*) FROM messages m CROSS JOIN (SELECT 0 AS sender UNION ALL SELECT 1) w
			WHERE m.deleted_at <> 0 GROUP BY w.sender, m.id >> 8
			UNION ALL SELECT 1, w.sender, 1, m.id >> 16, count(*) FROM messages m CROSS JOIN (SELECT 0 AS sender UNION ALL
			SELECT 1) w
			WHERE m.deleted_at <> 0 GROUP BY w.sender, m.id >> 16`,
		"INSERT INTO reactions (room_id, message_id, emoji, user_id, created_at) SELECT 1, 1, 'x', user_id, 0 FROM " +
			"memberships",
		"INSERT INTO reaction_counts (room_id, message_id, emoji, count, since) SELECT 1, 1, 'x', count(*), 0 FROM " +
			"memberships",
		`UPDATE rooms SET last_message_id = (SELECT max(id) FROM messages), last_deleted_id = (SELECT max(id) FROM messages
			WHERE deleted_at <> 0),
			message_count = (SELECT count(*) FROM messages WHERE deleted_at = 0)`,
		"UPDATE memberships SET sent_count = (SELECT max(id) FROM messages), own_count = (SELECT count(*) FROM messages " +
			"WHERE deleted_at = 0) WHERE user_id = 1",
		"ANALYZE",
	} {
		if err := tx.writer.Exec(fill).Error; err != nil {
			b.Fatalf("%s: %v", fill, err)
		}
	}
	return tx
}

// each measures f, which is told which time it is.
func (tx *crowd) each(b *testing.B, f func(i int) error) {
	for i := 0; b.Loop(); i++ {
		if err := f(i); err != nil {
			b.Fatal(err)
		}
	}
}

// read marks a message after the other as read, by a member and by who has sent them all.
func (tx *crowd) read(b *testing.B) {
	tx.each(b, func(i int) error {
		_, _, err := tx.MarkRead(context.Background(), 1+int64(i%2), tx.path, models.ReadMark{MessageID: 1 +
			int64(i)%int64(tx.rows)})
		return err
	})
}

// list lists the rooms of a member to whom all is unread.
func (tx *crowd) list(b *testing.B) {
	tx.each(b, func(int) error {
		page, err := tx.Rooms(context.Background(), 3, models.RoomsQuery{Paging: models.Paging{Limit: 50}, Unread: true})
		if err == nil && len(page.Items) != 1 {
			err = fmt.Errorf("%d rooms are listed", len(page.Items))
		}
		return err
	})
}

func (tx *crowd) edit(b *testing.B) {
	tx.each(b, func(i int) error {
		_, _, err := tx.EditMessage(context.Background(), 1, tx.path, 1, models.MessageEdit{Text: fmt.Sprint("text ", i)})
		return err
	})
}

// delete deletes messages from the oldest on, the first with all its reactions.
func (tx *crowd) delete(b *testing.B) {
	tx.each(b, func(int) error {
		id := 1 + int64(tx.gone*3%tx.rows)
		tx.gone++
		_, err := tx.DeleteMessage(context.Background(), 1, tx.path, id)
		return err
	})
}

func (tx *crowd) clear(b *testing.B) {
	for range b.N {
		if _, err := tx.ClearHistory(context.Background(), 1, tx.path); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := tx.writer.Exec("UPDATE rooms SET cleared_id = 0, message_count = ?", tx.rows).Error; err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
