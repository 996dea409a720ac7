package store

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestSharedVisibility asks for the snapshots of several users at several positions at the same time, so that they
// share queries, and once alone. Each is that of its own user and position.
func TestSharedVisibility(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna, ben := h.user("anna"), h.user("ben")
		room := h.room("talk", models.RoomPublic, anna)
		yes, no := true, false
		positions := []int64{}
		at := func(c models.Cursor, err error) {
			t.Helper()
			h.must(err)
			positions = append(positions, c.Position)
		}
		mute := func(to *bool) {
			t.Helper()
			_, c, err := h.Mute(ctx, ben.ID, pathOf(room), models.MembershipChange{Muted: to})
			at(c, err)
		}
		for range 2 {
			_, c, err := h.Join(ctx, ben.ID, pathOf(room))
			at(c, err)
			mute(&yes)
			mute(&no)
			mute(&yes)
			at(h.Leave(ctx, ben.ID, pathOf(room)))
		}
		_, err := h.Block(ctx, anna.ID, models.UserPath{ID: ben.ID})
		h.must(err)
		spans := []string{}
		for i, position := range positions {
			v, err := h.Visibility(ctx, ben.ID, position)
			h.must(err)
			if left := i%5 == 4; slices.Contains(v.Muted, room.ID) != (i%5 == 1 || i%5 == 3) && !left {
				t.Errorf("at change %d, muted are %v", i, v.Muted)
			}
			if !slices.Equal(v.Now.BlockedBy, []int64{anna.ID}) || len(v.BlockedBy) != 0 || v.User.Username != "ben" {
				t.Errorf("at change %d, blocked by %v and now by %v, is %v", i, v.BlockedBy, v.Now.BlockedBy, v.User)
			}
			spans = append(spans, fmt.Sprint(len(v.Spans)))
		}
		if got := fmt.Sprint(spans); got != "[2 2 2 2 1 1 1 1 1 0]" {
			t.Errorf("the memberships that reach beyond each position are %v", got)
		}
		var all sync.WaitGroup
		for i := range 8 * len(positions) {
			all.Go(func() {
				user, position := []models.User{anna, ben}[i%2], positions[i%len(positions)]
				got, err := h.Visibility(ctx, user.ID, position)
				alone, failed := h.loadVisibility(ctx, []visibilityKey{{user.ID, position}})
				if want := alone[visibilityKey{user.ID, position}]; err != nil || failed != nil ||
					fmt.Sprint(got) != fmt.Sprint(want) {
					t.Errorf("of user %d at %d: got %+v, want %+v; %v, %v", user.ID, position, got, want, err, failed)
				}
			})
		}
		all.Wait()
	})
}
