package store

import (
	"slices"
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
		_, err = h.DeleteMessage(ctx, ben.ID, pathOf(direct), before)
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
