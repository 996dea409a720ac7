package store

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
)

// messageTables are the tables with rows that belong to messages.
var messageTables = []string{
	"messages", "reactions", "reaction_counts", "reaction_sweeps", "pins", "files", "deletion_tallies", "message_sweeps",
}

// newLoadedRoom creates a room of user 1, who has sent 600 messages. Each has a pin, a file and a reaction, every fifth
// is deleted, and the last one has the given number of reactions.
func newLoadedRoom(t *testing.T, s *Store, reactions int) models.RoomPath {
	t.Helper()
	const numbers = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 600) "
	ctx, path := context.Background(), models.RoomPath{ID: 1}
	s.stop() // the janitor's turn is when the test says so
	s.done.Wait()
	if err := s.writer.Create(&userRow{Username: "anna", UsernameKey: "anna", DisplayName: "Anna"}).Error; err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.CreateRoom(ctx, 1, models.NewRoom{Name: ptr("loaded")}, nil); err != nil {
		t.Fatal(err)
	}
	for _, fill := range []string{
		"INSERT INTO messages (room_id, id, sender_id, type, text, created_at, sender_seq) " + numbers +
			"SELECT 1, i, 1, 'text', 'text', i, i FROM n",
		"UPDATE rooms SET last_message_id = 600, last_message_at = 600, message_count = 600",
		"UPDATE memberships SET sent_count = 600, own_count = 600",
		"INSERT INTO pins (room_id, message_id, pinned_by, pinned_at) " + numbers + "SELECT 1, i, 1, i FROM n",
		"INSERT INTO files (id, room_id, user_id, message_id, blob, name, media_type, size, sha256, width, height, " +
			"created_at) " +
			numbers + "SELECT 'f' || i, 1, 1, i, 'b' || i, '', '', 1, '', 0, 0, 0 FROM n",
		"INSERT INTO reactions (room_id, message_id, emoji, user_id, created_at) " + numbers +
			"SELECT 1, i, '👍', 1, 0 FROM n",
		fmt.Sprintf("INSERT INTO reactions (room_id, message_id, emoji, user_id, created_at) "+
			"WITH RECURSIVE n (i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < %d) SELECT 1, 600, '👍', i, 0 FROM n",
			reactions),
		`INSERT INTO reaction_counts (room_id, message_id, emoji, count, since)
			SELECT room_id, message_id, emoji, count(*), 0 FROM reactions GROUP BY room_id, message_id, emoji`,
	} {
		if err := s.writer.Exec(fill).Error; err != nil {
			t.Fatalf("%s: %v", fill, err)
		}
	}
	_, err := s.write(ctx, func(tx *transaction) error {
		var ids []int64
		for id := int64(5); id < 600; id += 5 {
			ids = append(ids, id)
		}
		return tx.tombstone(1, 1, ids, models.UserRef{ID: 1})
	})
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// rowCount returns the number of rows of a table; a condition may follow its name.
func rowCount(t *testing.T, s *Store, table string) (n int) {
	t.Helper()
	if err := s.reader.Raw("SELECT count(*) FROM " + table).Scan(&n).Error; err != nil {
		t.Fatal(err)
	}
	return n
}

// TestClearHistoryHidesAtOnce clears a room: before the janitor has purged anything, nothing of its messages is
// visible. Then the janitor purges all of it.
func TestClearHistoryHidesAtOnce(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		ctx, s := context.Background(), openStore(t, name)
		path := newLoadedRoom(t, s, 1)
		paging := models.Paging{Limit: 10}
		pins, err := s.Pins(ctx, 1, path, paging)
		if err != nil || len(pins.Items) != 10 {
			t.Fatalf("%d pins before, %v", len(pins.Items), err)
		}
		if _, err := s.ClearHistory(ctx, 1, path); err != nil {
			t.Fatal(err)
		}
		if pins, err = s.Pins(ctx, 1, path, paging); err != nil || len(pins.Items) != 0 || pins.NextCursor != "" {
			t.Errorf("pins of a cleared room: %+v, %v", pins, err)
		}
		if history, err := s.History(ctx, 1, path, models.HistoryQuery{Paging: paging}); err != nil ||
			len(history.Items) != 0 {
			t.Errorf("messages of a cleared room: %+v, %v", history, err)
		}
		for what, look := range map[string]func() error{
			"the message": func() error { _, err := s.Message(ctx, 1, path, 600); return err },
			"its file":    func() error { _, err := s.File(ctx, 1, "f600"); return err },
			"a pin":       func() error { _, _, err := s.Pin(ctx, 1, path, 600); return err },
			"a reaction":  func() error { _, _, err := s.React(ctx, 1, path, 600, "👍"); return err },
		} {
			var refused *models.Error
			if err := look(); !errors.As(err, &refused) || refused.Code != models.CodeNotFound {
				t.Errorf("%s of a cleared room: %v", what, err)
			}
		}
		s.runJobs(ctx)
		for _, table := range messageTables {
			if n := rowCount(t, s, table); n > 0 {
				t.Errorf("%d rows of %s are left", n, table)
			}
		}
		if n := rowCount(t, s, "doomed_blobs"); n != 600 {
			t.Errorf("the blobs of %d files are released", n)
		}
	})
}

// TestDeletedMessageHidesReactions deletes a message with many reactions and then removes one of them, before the
// janitor has purged them. None is visible, and the removal causes no event.
func TestDeletedMessageHidesReactions(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		const reactions = 2*reactionsAtOnce + 50
		ctx, s := context.Background(), openStore(t, name)
		path := newLoadedRoom(t, s, reactions)
		m, err := s.Message(ctx, 1, path, 600)
		if err != nil || len(m.Reactions) != 1 || m.Reactions[0].Count != reactions || !*m.Reactions[0].Me {
			t.Fatalf("before: %+v, %v", m.Reactions, err)
		}
		if _, err := s.DeleteMessage(ctx, 1, path, 600, models.Condition{}); err != nil {
			t.Fatal(err)
		}
		if n, pending := rowCount(t, s, "reactions WHERE message_id = 600"), rowCount(t, s,
			"reaction_sweeps"); n != reactions-reactionsAtOnce || pending != 1 {
			t.Errorf("%d reactions and %d pending purges are left", n, pending)
		}
		if m, err = s.Message(ctx, 1, path, 600); err != nil || len(m.Reactions) != 0 {
			t.Errorf("a tombstone has %+v, %v", m.Reactions, err)
		}
		history, err := s.History(ctx, 1, path, models.HistoryQuery{Paging: models.Paging{Limit: 1}})
		if err != nil || history.Items[0].ID != 600 || len(history.Items[0].Reactions) != 0 {
			t.Errorf("in the history, a tombstone is %+v, %v", history.Items, err)
		}
		if err := s.writer.Exec(`INSERT INTO reactions (room_id, message_id, emoji, user_id, created_at) VALUES (1, 600, '👍',
			1, 0)
			ON CONFLICT (room_id, message_id, emoji, user_id) DO NOTHING`).Error; err != nil {
			t.Fatal(err)
		}
		if at, err := s.Unreact(ctx, 1, path, 600, "👍"); err != nil || at != (models.Cursor{}) {
			t.Errorf("removing a reaction from a tombstone: got an event at %v, error %v", at, err)
		}
		s.runJobs(ctx)
		if n, pending := rowCount(t, s, "reactions WHERE message_id = 600"), rowCount(t, s, "reaction_sweeps"); n != 0 ||
			pending != 0 {
			t.Errorf("%d reactions and %d pending purges are left", n, pending)
		}
	})
}
