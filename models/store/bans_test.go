package store

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestBanRules bans, unbans and lists, and lets a ban end by time.
func TestBanRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		owner, moderator, troll := h.user("owner"), h.user("moderator"), h.user("troll")
		room := h.room("talk", models.RoomPublic, owner, moderator, troll)
		h.setRole(room, owner, moderator, models.RoleModerator)
		ban := func(by, user models.User, n models.NewBan) error {
			_, _, err := h.Ban(ctx, by.ID, pathOf(room), userPath(user), n)
			return err
		}
		h.want(ban(troll, moderator, models.NewBan{}), models.CodeForbidden)
		h.want(ban(moderator, owner, models.NewBan{}), models.CodeForbidden)
		h.want(ban(moderator, moderator, models.NewBan{}), models.CodeInvalidRequest)
		reason := "spam"
		h.must(ban(moderator, troll, models.NewBan{Reason: &reason}))

		_, err := h.Room(ctx, troll.ID, pathOf(room))
		h.want(err, models.CodeBanned)
		_, _, err = h.Send(ctx, troll.ID, pathOf(room), models.NewMessage{Text: "hi"}, nil)
		h.want(err, models.CodeBanned)
		_, _, err = h.Join(ctx, troll.ID, pathOf(room))
		h.want(err, models.CodeBanned)
		_, _, err = h.PutMember(ctx, owner.ID, pathOf(room), userPath(troll), models.RoleChange{})
		h.want(err, models.CodeBanned)
		bans, err := h.Bans(ctx, moderator.ID, pathOf(room), models.Paging{Limit: 10})
		h.must(err)
		if len(bans.Items) != 1 || bans.Items[0].Reason != reason || bans.Items[0].BannedBy.ID != moderator.ID {
			t.Errorf("the bans are %+v", bans.Items)
		}

		h.must(h.Unban(ctx, moderator.ID, pathOf(room), userPath(troll)))
		_, _, err = h.Join(ctx, troll.ID, pathOf(room))
		h.must(err)
		h.must(ban(owner, troll, models.NewBan{Until: models.At(models.Now().Add(-1))}))
		_, _, err = h.Join(ctx, troll.ID, pathOf(room))
		h.must(err) // the ban has ended
	})
}
