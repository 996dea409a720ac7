package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// benchBatches is how many batches of each kind are timed at most: with a million rows, all batches are alike.
const benchBatches = 300

// BenchmarkDeletions times the first step of a deletion, which the caller waits for, and the longest of the following
// batches, for different amounts of data. Neither may grow with the amount: make bench-deletions.
func BenchmarkDeletions(b *testing.B) {
	for _, size := range []int{1000, 30_000, 1_000_000} {
		b.Run(fmt.Sprintf("account/rows=%d", size), func(b *testing.B) {
			benchDeletion(b, func(h *testStore) (first func() error) {
				anna, bob := h.user("anna"), h.user("bob")
				h.insertAccountData(size, anna, bob)
				return func() error {
					return h.deleteIf(h.t.Context(), anna.ID, func(userRow) bool { return true })
				}
			})
		})
		b.Run(fmt.Sprintf("room/messages=%d", size), func(b *testing.B) {
			benchDeletion(b, func(h *testStore) (first func() error) {
				room := h.room("tea", models.RoomPublic, h.user("anna"))
				h.insertMessages(room.ID, 1, size)
				return h.deleteRoom(room)
			})
		})
	}
	for _, size := range []int{1000, 30_000} {
		b.Run(fmt.Sprintf("room/members=%d", size), func(b *testing.B) {
			benchDeletion(b, func(h *testStore) (first func() error) {
				room := h.room("tea", models.RoomPublic, h.user("anna"))
				h.insertMembers(room.ID, size)
				return h.deleteRoom(room)
			})
		})
		b.Run(fmt.Sprintf("leave/members=%d", size), func(b *testing.B) {
			benchDeletion(b, func(h *testStore) (first func() error) {
				anna := h.user("anna")
				room := h.room("tea", models.RoomPublic, anna)
				h.insertMembers(room.ID, size)
				return func() error {
					_, err := h.Leave(h.t.Context(), anna.ID, models.RoomPath{ID: room.ID})
					return err
				}
			})
		})
	}
}

// benchDeletion fills a new database and times the first step of the deletion and the batches after it.
func benchDeletion(b *testing.B, fill func(h *testStore) (first func() error)) {
	var first, longest, total time.Duration
	batches := 0
	timed := func(f func() (bool, error)) bool {
		began := time.Now()
		more, err := f()
		took := time.Since(began)
		if err != nil {
			b.Fatal(err)
		}
		if more {
			longest, total, batches = max(longest, took), total+took, batches+1
		}
		return more
	}
	for b.Loop() {
		b.StopTimer()
		h := openTestStore(b, migrated.SQLite(b))
		step := fill(h)
		h.stopJanitor()
		h.must(h.writer.Exec("PRAGMA wal_checkpoint(TRUNCATE)").Error)
		b.StartTimer()
		began := time.Now()
		h.must(step())
		first = max(first, time.Since(began))
		b.StopTimer()
		for _, purge := range []func(context.Context) (bool, error){h.purgeAccounts, h.purgeRooms, h.purgeMessages} {
			for n := 0; n < benchBatches && timed(func() (bool, error) { return purge(b.Context()) }); n++ {
				continue
			}
		}
		h.close()
		b.StartTimer()
	}
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(milliseconds(first), "first-step-ms")
	if batches > 0 {
		b.ReportMetric(milliseconds(longest), "longest-batch-ms")
		b.ReportMetric(milliseconds(total)/float64(batches), "mean-batch-ms")
	}
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func (h *testStore) deleteRoom(room models.Room) func() error {
	return func() error {
		_, err := h.DeleteRoom(h.t.Context(), room.OwnerID, models.RoomPath{ID: room.ID}, models.Condition{})
		return err
	}
}

// insertAccountData gives a user size rooms (up to the limit), contacts, blocks, reactions, files and messages.
func (h *testStore) insertAccountData(size int, user, other models.User) {
	rooms := min(size, models.MaxRoomsPerUser)
	h.insert(rooms, "rooms", "name, name_key, kind, owner_id, created_at, updated_at, active_at, member_count, "+
		"message_count, last_message_id",
		fmt.Sprintf("'x', 'x', 'private', %d, 0, 0, 0, 1, 1, 1", user.ID))
	h.must(h.writer.Exec("INSERT INTO memberships ("+memberColumns+") SELECT id, owner_id, 'owner', 0, 0, 0, 0, false "+
		"FROM rooms WHERE owner_id = ?",
		user.ID).Error)
	busy := h.room("busy", models.RoomPublic, other)
	h.insertMessages(busy.ID, user.ID, size)
	h.insert(size, "reactions", "room_id, message_id, emoji, user_id, created_at", fmt.Sprintf("%d, i, 'x', %d, 0",
		busy.ID, user.ID))
	h.insert(size, "users", "username, username_key, display_name, guest, created_at", "'u' || i, 'u' || i, 'u', false, 0")
	h.must(h.writer.Exec("INSERT INTO contacts (user_id, contact_id, added_at) SELECT id, ?, 0 FROM users WHERE "+
		"username_key LIKE 'u%'", user.ID).Error)
	h.must(h.writer.Exec("INSERT INTO blocks (user_id, blocked_id, direct_key, added_at) SELECT id, ?, '', 0 FROM users "+
		"WHERE username_key LIKE 'u%'",
		user.ID).Error)
	h.insert(size, "files", "id, room_id, user_id, blob, name, media_type, size, sha256, width, height, created_at",
		fmt.Sprintf("'f' || i, %d, %d, 'b' || i, 'n', 't', 1, '', 0, 0, 0", busy.ID, user.ID))
}

func (h *testStore) insertMessages(roomID, senderID int64, size int) {
	h.insert(size, "messages", "room_id, id, sender_id, type, text, created_at, text_start, index_version",
		fmt.Sprintf("%d, i, %d, 'text', 'Tea at four, as ever', i, 'tea at four, as ever', 1", roomID, senderID))
	h.insert(size, "message_words", "rowid, words", fmt.Sprintf("(%[1]d << 32) | i, '%[1]d·tea %[1]d·at %[1]d·four "+
		"%[1]d·as %[1]d·ever'", roomID))
	h.must(h.writer.Exec("UPDATE rooms SET message_count = ?, last_message_id = ? WHERE id = ?", size, size, roomID).Error)
}

func (h *testStore) insertMembers(roomID int64, size int) {
	h.insert(size, "users", "username, username_key, display_name, guest, created_at", "'u' || i, 'u' || i, 'u', false, 0")
	h.must(h.writer.Exec("INSERT INTO memberships ("+memberColumns+") SELECT ?, id, 'member', id, 0, 0, 0, false FROM "+
		"users WHERE username_key LIKE 'u%'",
		roomID).Error)
	h.must(h.writer.Exec("UPDATE rooms SET member_count = member_count + ? WHERE id = ?", size, roomID).Error)
}
