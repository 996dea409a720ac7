package store

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestSendsDuringAccountDeletion deletes an account with many rooms while another account sends constantly: messages
// are stored between the steps of the deletion, and no send fails.
func TestSendsDuringAccountDeletion(t *testing.T) {
	const rooms = 64
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		anna, bob := h.user("anna"), h.user("bob")
		for i := range rooms {
			h.room(fmt.Sprint("room", i), models.RoomPrivate, anna, bob)
		}
		busy := h.room("busy", models.RoomPrivate, bob)
		before, _, err := h.Bounds(t.Context())
		h.must(err)
		ctx, stop := context.WithCancel(t.Context())
		var sending sync.WaitGroup
		sending.Go(func() {
			for ctx.Err() == nil {
				_, _, err := h.Send(t.Context(), bob.ID, models.RoomPath{ID: busy.ID}, models.NewMessage{Text: "on"}, nil)
				if err != nil {
					t.Error(err)
					return
				}
			}
		})
		h.must(h.DeleteAccount(t.Context(), anna.ID, models.Condition{}))
		for h.rows("departures") > 0 {
			<-time.After(pollEvery)
		}
		stop()
		sending.Wait()
		entries, err := h.Entries(t.Context(), before, 1<<20)
		h.must(err)
		isLeft := func(e models.LogEntry) bool { return e.Name == models.EventMemberLeft }
		first := slices.IndexFunc(entries, isLeft)
		slices.Reverse(entries)
		last := len(entries) - 1 - slices.IndexFunc(entries, isLeft)
		slices.Reverse(entries)
		if between := count(entries[first:last], models.EventMessageCreated); between == 0 {
			t.Error("no message was stored between the first and the last of the rooms that the account left")
		}
	})
}

func count(entries []models.LogEntry, name models.EventName) (n int) {
	for _, e := range entries {
		if e.Name == name {
			n++
		}
	}
	return n
}
