package store

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestRoomListKeepsItsOrder reads a list of rooms in pages while messages come, also with the time of a clock that is
// ahead, in rooms that were active at the same time. The list has the rooms in their order at its start, each once.
func TestRoomListKeepsItsOrder(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		h.stopJanitor()
		me := h.user("ada")
		var rooms []int64
		for i := range 12 {
			rooms = append(rooms, h.room(fmt.Sprint("room", i), models.RoomPrivate, me).ID)
		}
		// Many rooms have the same time, some of them so far ahead that new messages there get the same time.
		h.must(h.writer.Exec("UPDATE rooms SET active_at = 1000, last_message_at = 0").Error)
		h.must(h.writer.Exec("UPDATE rooms SET active_at = ? WHERE id % 3 = 0", models.Now().Millis()+3_600_000).Error)
		for seed := range uint64(8) {
			random := rand.New(rand.NewPCG(seed, 0))
			want := h.roomIDs(me, 200, func() {})
			limit := 1 + int(seed)%4
			got := h.roomIDs(me, limit, func() {
				for range random.IntN(10) {
					h.sayUnposted(rooms[random.IntN(len(rooms))], me, random)
				}
			})
			if !slices.Equal(got, want) {
				t.Errorf("pages of %d: got %v, want %v", limit, got, want)
			}
		}
	})
}

// sayUnposted sends some messages to a room at once, and may clear it after that.
func (h *testStore) sayUnposted(roomID int64, by models.User, random *rand.Rand) {
	h.t.Helper()
	var sends []*send
	for range 1 + random.IntN(3) {
		sends = append(sends, &send{ctx: h.t.Context(), callerID: by.ID, roomID: roomID, n: models.NewMessage{Text: "text"}})
	}
	h.must(h.storeBatch(sends))
	if random.IntN(4) == 0 {
		_, err := h.ClearHistory(h.t.Context(), by.ID, models.RoomPath{ID: roomID})
		h.must(err)
		for more := true; more; {
			more, err = h.purgeMessages(h.t.Context())
			h.must(err)
		}
	}
}

// roomIDs returns the rooms of all pages; between pages it calls a function.
func (h *testStore) roomIDs(by models.User, limit int, between func()) (ids []int64) {
	h.t.Helper()
	for cursor := ""; ; between() {
		page, err := h.Rooms(h.t.Context(), by.ID, models.RoomsQuery{Paging: models.Paging{Limit: limit, Cursor: cursor}})
		h.must(err)
		for _, r := range page.Items {
			ids = append(ids, r.ID)
		}
		if cursor = page.NextCursor; cursor == "" {
			return ids
		}
	}
}

// TestListCursorsOutliveTheLog: a cursor from before the oldest kept log entries and names is still valid, and repeats
// nothing.
func TestListCursorsOutliveTheLog(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		h.stopJanitor()
		me := h.user("ada")
		var rooms []models.Room
		for i := range 4 {
			rooms = append(rooms, h.room(fmt.Sprint("room", i), models.RoomPublic, me))
		}
		forget := func() {
			for _, r := range rooms {
				h.sayUnposted(r.ID, me, rand.New(rand.NewPCG(1, 1)))
				_, _, err := h.ChangeRoom(t.Context(), me.ID, models.RoomPath{ID: r.ID},
					models.RoomChange{Name: ptrTo(r.Handle + " named")}, models.Condition{})
				h.must(err)
			}
			h.retention = -time.Second
			for _, prune := range []func(context.Context) (bool, error){h.pruneEvents, h.pruneRenames} {
				for more, err := prune(t.Context()); more; more, err = prune(t.Context()) {
					h.must(err)
				}
			}
		}
		if ids := h.roomIDs(me, 1, forget); len(slices.Compact(slices.Sorted(slices.Values(ids)))) != len(ids) {
			t.Errorf("repeated: %v", ids)
		}
		if n := h.rows("renames"); n != 0 {
			t.Errorf("%d renames are kept", n)
		}
		page, err := h.SearchRooms(t.Context(), me.ID, models.RoomSearch{Paging: models.Paging{Limit: 1}})
		h.must(err)
		forget()
		_, err = h.SearchRooms(t.Context(), me.ID, models.RoomSearch{Paging: models.Paging{Limit: 10,
			Cursor: page.NextCursor}})
		h.must(err)
	})
}

func ptrTo(s string) *string { return &s }

// TestSearchContinuesAfterDeletedHits deletes found messages before they are read: the page is shorter, but the list
// continues.
func TestSearchContinuesAfterDeletedHits(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		me := h.user("ada")
		room := h.room("tea", models.RoomPublic, me)
		for i := range 6 {
			h.say(room.ID, me, fmt.Sprint("tea ", i))
		}
		h.stopJanitor() // on PostgreSQL the janitor would use the same pool
		pool := h.reader.Statement.ConnPool
		h.reader.Statement.ConnPool = recordingPool{pool, func(sql string, _ []any) {
			if strings.HasPrefix(sql, "WITH hits") {
				h.reader.Statement.ConnPool = pool
				for _, id := range []int64{5, 6, 4} {
					_, err := h.DeleteMessage(t.Context(), me.ID, models.RoomPath{ID: room.ID}, id, models.Condition{})
					h.must(err)
				}
			}
		}}
		defer func() { h.reader.Statement.ConnPool = pool }()
		var got []int64
		for cursor := ""; ; {
			page, err := h.SearchAll(t.Context(), me.ID, models.WordSearch{Words: "tea", Paging: models.Paging{Limit: 2,
				Cursor: cursor}})
			h.must(err)
			for _, m := range page.Items {
				got = append(got, m.ID)
			}
			if cursor = page.NextCursor; cursor == "" {
				break
			}
		}
		if want := []int64{3, 2, 1}; !slices.Equal(got, want) {
			t.Errorf("got %v, want %v", got, want)
		}
	})
}
