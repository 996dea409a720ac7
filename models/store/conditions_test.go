package store

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestOneOfManyConditionalChangesWins makes changes of one version at once: the condition is checked behind the lock of
// the object, so exactly one of them finds it.
func TestOneOfManyConditionalChangesWins(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		for kind, c := range conditionalChanges(h) {
			for round := range 10 {
				only := models.Condition{Given: true, Tags: []string{c.tag()}}
				var won, lost atomic.Int32
				var group sync.WaitGroup
				for i := range 8 {
					group.Go(func() {
						switch err := c.change(fmt.Sprint("number ", 100*round+i), only); {
						case err == nil:
							won.Add(1)
						case errors.Is(err, &models.Error{Code: models.CodePreconditionFailed}):
							lost.Add(1)
						default:
							t.Error(err)
						}
					})
				}
				group.Wait()
				if won.Load() != 1 || lost.Load() != 7 {
					t.Fatalf("%s: %d of 8 changes of one version took place, and %d were refused", kind, won.Load(), lost.Load())
				}
			}
		}
	})
}

// conditionalChange reads the version of an object, and changes the object's text.
type conditionalChange struct {
	tag    func() string
	change func(text string, only models.Condition) error
}

// conditionalChanges creates an object of each kind that has versions.
func conditionalChanges(h *testStore) map[string]conditionalChange {
	ctx := h.t.Context()
	anna := h.user("anna")
	room := h.room("talk", models.RoomPublic, anna)
	id := h.say(room.ID, anna, "words")
	return map[string]conditionalChange{
		"room": {func() string {
			got, err := h.Room(ctx, anna.ID, pathOf(room))
			h.must(err)
			return got.Tag()
		}, func(text string, only models.Condition) error {
			_, _, err := h.ChangeRoom(ctx, anna.ID, pathOf(room), models.RoomChange{Description: &text}, only)
			return err
		}},
		"message": {func() string {
			got, err := h.Message(ctx, anna.ID, pathOf(room), id)
			h.must(err)
			return got.Tag()
		}, func(text string, only models.Condition) error {
			_, _, err := h.EditMessage(ctx, anna.ID, pathOf(room), id, models.MessageEdit{Text: text}, only)
			return err
		}},
		"user": {func() string {
			got, err := h.User(ctx, userPath(anna))
			h.must(err)
			return got.Tag()
		}, func(text string, only models.Condition) error {
			_, err := h.ChangeProfile(ctx, anna.ID, models.ProfileChange{Description: &text}, only)
			return err
		}},
	}
}
