package store

import (
	"context"
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
)

// benchMembers is the maximum number of members of the measured room.
const benchMembers = 30_000

// BenchmarkWriter measures changes in rooms of different sizes: how long a change holds the database's one writer must
// not grow with the size. A room has that many messages, all unread, every third deleted; as many members, but at most
// benchMembers; and a reaction of each member to the first message.
func BenchmarkWriter(b *testing.B) {
	for kind, open := range map[string]func(testing.TB) string{
		"sqlite":   migrated.SQLite,
		"postgres": migrated.Postgres,
	} {
		for _, rows := range []int{1_000, 30_000, 1_000_000} {
			b.Run(fmt.Sprintf("%s/rows=%d", kind, rows), func(b *testing.B) {
				room := openLargeRoom(b, open(b), rows)
				b.Run("read", room.read)
				b.Run("list", room.list)
				b.Run("edit", room.edit)
				b.Run("delete", room.delete)
				b.Run("clear", room.clear)
			})
		}
	}
}

// largeRoom is the measured room and its store. User 1 is the owner and the sender of all messages.
type largeRoom struct {
	*Store
	rows int
	path models.RoomPath
	gone int // messages deleted by the benchmark
}

func openLargeRoom(b *testing.B, name string, rows int) *largeRoom {
	b.Helper()
	l := &largeRoom{Store: openStore(b, name), rows: rows, path: models.RoomPath{ID: 1}}
	l.stop() // the background jobs, which would write during the measurement
	l.done.Wait()
	members := min(rows, benchMembers)
	numbers := "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d) "
	for _, fill := range []string{
		fmt.Sprintf("INSERT INTO users (username, username_key, display_name, guest, created_at) "+numbers+
			"SELECT 'user' || i, 'user' || i, 'u', false, 0 FROM n", members),
		"INSERT INTO rooms (name, name_key, kind, created_at, updated_at, active_at) VALUES ('large', 'large', 'public', " +
			"0, 0, 0)",
		fmt.Sprintf("INSERT INTO memberships (room_id, user_id, role, joined_at, joined_position, last_read_id, muted) "+
			numbers+
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
		if err := l.writer.Exec(fill).Error; err != nil {
			b.Fatalf("%s: %v", fill, err)
		}
	}
	return l
}

// each measures f, which gets the number of the call, from 0.
func (l *largeRoom) each(b *testing.B, f func(i int) error) {
	for i := 0; b.Loop(); i++ {
		if err := f(i); err != nil {
			b.Fatal(err)
		}
	}
}

// read marks one message after the other as read, in turns by a member and by the sender of all messages.
func (l *largeRoom) read(b *testing.B) {
	l.each(b, func(i int) error {
		_, _, err := l.MarkRead(context.Background(), 1+int64(i%2), l.path, models.ReadMark{MessageID: 1 +
			int64(i)%int64(l.rows)})
		return err
	})
}

// list lists the rooms of a member who has read nothing.
func (l *largeRoom) list(b *testing.B) {
	l.each(b, func(int) error {
		page, err := l.Rooms(context.Background(), 3, models.RoomsQuery{Paging: models.Paging{Limit: 50}, Unread: true})
		if err == nil && len(page.Items) != 1 {
			err = fmt.Errorf("got %d rooms, want 1", len(page.Items))
		}
		return err
	})
}

func (l *largeRoom) edit(b *testing.B) {
	l.each(b, func(i int) error {
		_, _, err := l.EditMessage(context.Background(), 1, l.path, 1,
			models.MessageEdit{Text: fmt.Sprint("text ", i)}, models.Condition{})
		return err
	})
}

// delete deletes messages, starting with the oldest, which has all the reactions.
func (l *largeRoom) delete(b *testing.B) {
	l.each(b, func(int) error {
		id := 1 + int64(l.gone*3%l.rows)
		l.gone++
		_, err := l.DeleteMessage(context.Background(), 1, l.path, id, models.Condition{})
		return err
	})
}

func (l *largeRoom) clear(b *testing.B) {
	for range b.N {
		if _, err := l.ClearHistory(context.Background(), 1, l.path); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		if err := l.writer.Exec("UPDATE rooms SET cleared_id = 0, message_count = ?", l.rows).Error; err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
}
