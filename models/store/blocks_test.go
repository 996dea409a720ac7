package store

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestBlockRules blocks one of two users: neither can send to the other in their direct room.
func TestBlockRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna, ben := h.user("anna"), h.user("ben")
		direct, _, err := h.Direct(ctx, anna.ID, userPath(ben))
		h.must(err)
		common := h.room("talk", models.RoomPublic, anna, ben)
		before := h.say(direct.ID, ben, "hello")
		_, err = h.Block(ctx, anna.ID, userPath(anna))
		h.want(err, models.CodeInvalidRequest)
		for range 2 { // the second call changes nothing
			_, err = h.Block(ctx, anna.ID, userPath(ben))
			h.must(err)
		}
		for _, user := range []models.User{anna, ben} {
			_, _, err = h.Send(ctx, user.ID, pathOf(direct), models.NewMessage{Text: "hi"}, nil)
			h.want(err, models.CodeBlocked)
			_, _, err = h.Writer(ctx, user.ID, pathOf(direct))
			h.want(err, models.CodeBlocked)
		}
		_, _, err = h.AddContact(ctx, ben.ID, userPath(anna))
		h.want(err, models.CodeBlocked)
		said := h.say(common.ID, anna, "to all")
		_, _, err = h.React(ctx, ben.ID, pathOf(common), said, "👍")
		h.want(err, models.CodeBlocked)
		_, err = h.DeleteMessage(ctx, ben.ID, pathOf(direct), before, models.Condition{})
		h.must(err) // what one wrote may still be deleted

		apart, err := h.BlockedEitherWay(ctx, ben.ID, []int64{anna.ID})
		h.must(err)
		if !apart[anna.ID] {
			t.Error("ben does not appear blocked")
		}
		h.must(h.Unblock(ctx, anna.ID, userPath(ben)))
		h.say(direct.ID, ben, "again")
	})
}
