package store

import (
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestMuteRules sets and clears a mute, which the visibility snapshots have from its event on.
func TestMuteRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna := h.user("anna")
		room := h.room("talk", models.RoomPublic, anna)
		muted, loud := true, false
		set := func(to *bool) models.Cursor {
			t.Helper()
			m, at, err := h.Mute(ctx, anna.ID, pathOf(room), models.MembershipChange{Muted: to})
			h.must(err)
			if m.Muted != *to {
				t.Errorf("set to %v, the membership is %+v", *to, m)
			}
			return at
		}
		isMuted := func(after int64) bool {
			t.Helper()
			view, err := h.Visibility(ctx, anna.ID, after)
			h.must(err)
			return slices.Contains(view.Muted, room.ID)
		}
		from := set(&muted)
		if !set(&muted).IsZero() {
			t.Error("an event for a mute that was set already")
		}
		to := set(&loud)
		for position, want := range map[int64]bool{from.Position - 1: false, from.Position: true, to.Position: false} {
			if got := isMuted(position); got != want {
				t.Errorf("at %d of %d to %d, muted is %v", position, from.Position, to.Position, got)
			}
		}
	})
}
