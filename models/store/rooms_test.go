package store

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// pathOf names a room by its id.
func pathOf(room models.Room) models.RoomPath { return models.RoomPath{ID: room.ID} }

// userPath names a user by their id.
func userPath(u models.User) models.UserPath { return models.UserPath{ID: u.ID} }

// setRole makes a member a moderator or an owner.
func (h *testStore) setRole(room models.Room, by, user models.User, role models.Role) {
	h.t.Helper()
	_, _, err := h.PutMember(h.t.Context(), by.ID, pathOf(room), userPath(user), models.RoleChange{Role: role})
	h.must(err)
}

// TestRoomRules creates, renames and deletes rooms as members of each role.
func TestRoomRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		owner, moderator, member, other := h.user("owner"), h.user("moderator"), h.user("member"), h.user("other")
		room := h.room("talk", models.RoomPublic, owner, moderator, member)
		private := h.room("secret", models.RoomPrivate, owner)
		h.setRole(room, owner, moderator, models.RoleModerator)

		if room.OwnerID != owner.ID || room.MemberCount != 1 || room.Membership.Role != models.RoleOwner {
			t.Errorf("the new room is %+v", room)
		}
		kind, handle := models.RoomPublic, "TALK"
		_, _, err := h.CreateRoom(ctx, other.ID, models.NewRoom{Handle: &handle, Kind: &kind}, nil)
		h.want(err, models.CodeHandleTaken) // in capitals it is the same handle

		_, err = h.Room(ctx, other.ID, pathOf(room))
		h.must(err) // anybody may read a public room
		_, err = h.Room(ctx, other.ID, pathOf(private))
		h.want(err, models.CodeNotFound)

		fresh := "Fresh"
		for _, c := range []struct {
			caller models.User
			code   models.Code
		}{{other, models.CodeForbidden}, {member, models.CodeForbidden}, {moderator, ""}, {owner, ""}} {
			fresh += "er"
			got, at, err := h.ChangeRoom(ctx, c.caller.ID, pathOf(room), models.RoomChange{Name: &fresh}, models.Condition{})
			if c.code != "" {
				h.want(err, c.code)
				continue
			}
			h.must(err)
			if got.Name != fresh || at.IsZero() {
				t.Errorf("%s has renamed it to %q at %v", c.caller.Username, got.Name, at)
			}
		}
		_, at, err := h.ChangeRoom(ctx, owner.ID, pathOf(room), models.RoomChange{Name: &fresh}, models.Condition{})
		h.must(err)
		if !at.IsZero() {
			t.Error("an event for a change that changes nothing")
		}

		_, err = h.DeleteRoom(ctx, moderator.ID, pathOf(room), models.Condition{})
		h.want(err, models.CodeForbidden)
		_, err = h.DeleteRoom(ctx, owner.ID, pathOf(room), models.Condition{})
		h.must(err)
		_, err = h.Room(ctx, owner.ID, pathOf(room))
		h.want(err, models.CodeNotFound)
		again := h.room("talk", models.RoomPublic, other) // the handle is free
		if again.ID == room.ID {
			t.Error("the new room has the id of the deleted one")
		}
	})
}

// TestMemberRules adds, promotes and removes members, and lets the last owner leave.
func TestMemberRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		owner, moderator, member, other := h.user("owner"), h.user("moderator"), h.user("member"), h.user("other")
		room := h.room("club", models.RoomPrivate, owner, moderator, member)
		h.setRole(room, owner, moderator, models.RoleModerator)

		_, _, err := h.Join(ctx, other.ID, pathOf(room))
		h.want(err, models.CodeNotFound) // nobody joins a private room by themselves
		put := func(by, user models.User, role models.Role) error {
			_, _, err := h.PutMember(ctx, by.ID, pathOf(room), userPath(user), models.RoleChange{Role: role})
			return err
		}
		h.want(put(member, other, ""), models.CodeForbidden)
		h.want(put(moderator, member, models.RoleOwner), models.CodeForbidden)
		h.want(put(moderator, owner, models.RoleMember), models.CodeForbidden)
		h.want(put(owner, owner, models.RoleMember), models.CodeForbidden) // a room keeps an owner
		h.must(put(moderator, other, ""))

		_, err = h.RemoveMember(ctx, member.ID, pathOf(room), userPath(other))
		h.want(err, models.CodeForbidden)
		_, err = h.RemoveMember(ctx, moderator.ID, pathOf(room), userPath(other))
		h.must(err)
		_, err = h.Room(ctx, other.ID, pathOf(room))
		h.want(err, models.CodeNotFound)

		_, err = h.Leave(ctx, member.ID, pathOf(room))
		h.must(err)
		h.want(put(owner, member, ""), models.CodeForbidden) // who left comes back with an invite alone

		_, err = h.Leave(ctx, owner.ID, pathOf(room))
		h.must(err)
		got, err := h.Room(ctx, moderator.ID, pathOf(room))
		h.must(err)
		if got.OwnerID != moderator.ID || got.Membership.Role != models.RoleOwner || got.MemberCount != 1 {
			t.Errorf("after the owner has left, the room is %+v, %+v", got, got.Membership)
		}
	})
}

// TestInviteRules redeems invites that expire, are used up, are revoked, or whose author has lost the right.
func TestInviteRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		owner, moderator, first, second := h.user("owner"), h.user("moderator"), h.user("first"), h.user("second")
		room := h.room("club", models.RoomPrivate, owner, moderator)
		h.setRole(room, owner, moderator, models.RoleModerator)
		invite := func(by models.User, n models.NewInvite) string {
			t.Helper()
			invite, err := h.CreateInvite(ctx, by.ID, pathOf(room), n, nil)
			h.must(err)
			return invite.Code
		}
		redeem := func(user models.User, code string) error {
			_, _, err := h.RedeemInvite(ctx, user.ID, code, nil)
			return err
		}
		once := int64(1)

		_, err := h.CreateInvite(ctx, first.ID, pathOf(room), models.NewInvite{}, nil)
		h.want(err, models.CodeNotFound)
		h.want(redeem(first, "NOCODE"), models.CodeNotFound)
		h.want(redeem(first, invite(owner, models.NewInvite{ExpiresAt: models.At(models.Now().Add(-1))})), models.CodeExpired)

		single := invite(owner, models.NewInvite{MaxUses: &once})
		h.must(redeem(owner, single)) // a member uses nothing up
		h.must(redeem(first, single))
		h.must(redeem(first, single))
		h.want(redeem(second, single), models.CodeExpired)

		revoked := invite(owner, models.NewInvite{})
		h.must(h.RevokeInvite(ctx, owner.ID, pathOf(room), revoked))
		h.want(redeem(second, revoked), models.CodeNotFound)

		byModerator := invite(moderator, models.NewInvite{})
		h.setRole(room, owner, moderator, models.RoleMember)
		h.want(redeem(second, byModerator), models.CodeExpired)
		h.setRole(room, owner, moderator, models.RoleModerator)
		h.want(redeem(second, byModerator), models.CodeExpired) // also once they are a moderator again

		open := invite(owner, models.NewInvite{})
		_, err = h.Leave(ctx, first.ID, pathOf(room))
		h.must(err)
		h.want(redeem(first, open), models.CodeExpired) // an invite from before they left
		h.must(redeem(first, invite(owner, models.NewInvite{})))
		_, _, err = h.Ban(ctx, owner.ID, pathOf(room), userPath(second), models.NewBan{})
		h.must(err)
		h.want(redeem(second, open), models.CodeBanned)
	})
}

// TestDirectRoomRules: two users share one direct room, whichever of them creates it, and a user who leaves it does not
// see it in the list any more.
func TestDirectRoomRules(t *testing.T) {
	migrated.OnEach(t, func(t *testing.T, name string) {
		h := openTestStore(t, name)
		defer h.close()
		ctx := t.Context()
		anna, ben := h.user("anna"), h.user("ben")
		_, _, err := h.Direct(ctx, anna.ID, userPath(anna))
		h.want(err, models.CodeInvalidRequest)
		room, at, err := h.Direct(ctx, anna.ID, userPath(ben))
		h.must(err)
		same, again, err := h.Direct(ctx, ben.ID, userPath(anna))
		h.must(err)
		if same.ID != room.ID || at.IsZero() || !again.IsZero() {
			t.Errorf("two calls made the rooms %d and %d, at %v and %v", room.ID, same.ID, at, again)
		}
		listed := func(user models.User) int {
			t.Helper()
			page, err := h.Rooms(ctx, user.ID, models.RoomsQuery{Paging: models.Paging{Limit: 10}})
			h.must(err)
			return len(page.Items)
		}
		_, err = h.Leave(ctx, anna.ID, pathOf(room))
		h.must(err)
		if listed(anna) != 0 || listed(ben) != 1 {
			t.Errorf("after anna has left, %d and %d rooms are listed", listed(anna), listed(ben))
		}
		h.say(room.ID, ben, "are you there?")
		if listed(anna) != 1 {
			t.Error("a message has not brought the room back")
		}
		title := "Us"
		_, _, err = h.ChangeRoom(ctx, anna.ID, pathOf(room), models.RoomChange{Name: &title}, models.Condition{})
		h.want(err, models.CodeForbidden)
		_, err = h.DeleteRoom(ctx, anna.ID, pathOf(room), models.Condition{})
		h.want(err, models.CodeForbidden)
	})
}
