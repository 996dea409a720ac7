package api

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestInviteExpiresWithCreatorsRight removes the right to invite from the creator of an invite, in each possible way.
// The invite does not work any more, even after the creator gets the right back.
func TestInviteExpiresWithCreatorsRight(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		c := harness.NewClient(t, harness.StartServer(t, database).URL)
		owner, member := c.NewGuestNamed("owner"), c.NewGuestNamed("member")
		for name, removeRight := range map[string]func(creator *harness.Client, room int64){
			"demoted": func(creator *harness.Client, room int64) { owner.AddMember(room, creator, models.RoleMember) },
			"left": func(creator *harness.Client, room int64) {
				creator.Call("DELETE", harness.RoomPath(room)+"/members/me", nil).ExpectStatus(204)
				creator.Call("POST", invitePath(invite(owner, room, models.NewInvite{})), nil).ExpectStatus(200)
			},
			"removed": func(creator *harness.Client, room int64) {
				owner.Call("DELETE", harness.MemberPath(room, creator), nil).ExpectStatus(204)
				owner.AddMember(room, creator, models.RoleMember)
			},
			"banned": func(creator *harness.Client, room int64) {
				owner.Call("PUT", harness.BanPath(room, creator), models.NewBan{}).ExpectStatus(200)
				owner.Call("DELETE", harness.BanPath(room, creator), nil).ExpectStatus(204)
				owner.AddMember(room, creator, models.RoleMember)
			},
			"deleted": func(creator *harness.Client, _ int64) { creator.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204) },
		} {
			t.Run(name, func(t *testing.T) {
				creator := c.NewGuest("maker")
				room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
				owner.AddMember(room.ID, member, models.RoleMember)
				owner.AddMember(room.ID, creator, models.RoleModerator)
				lost := invite(creator, room.ID, models.NewInvite{})
				kept := invite(owner, room.ID, models.NewInvite{})
				removeRight(creator, room.ID)
				expectExpired := func() {
					t.Helper()
					c.NewGuest("guest").Call("POST", invitePath(lost), nil).ExpectProblem(410, models.CodeExpired)
				}
				expectExpired()
				member.Call("POST", invitePath(lost), nil).ExpectStatus(200) // for a member, any invite returns the room
				if name != "deleted" {
					owner.AddMember(room.ID, creator, models.RoleModerator)
					expectExpired()
					c.NewGuest("guest").Call("POST", invitePath(invite(creator, room.ID, models.NewInvite{})), nil).ExpectStatus(200)
				}
				for _, i := range listInvites(owner, room.ID, "").Items {
					if i.Code == lost.Code {
						t.Errorf("an expired invite is listed: %+v", i)
					}
				}
				c.NewGuest("guest").Call("POST", invitePath(kept), nil).ExpectStatus(200)
			})
		}
	})
}

// TestInviteSurvivesCreatorsRoleChange gives the creators of invites another role with the right to invite: the invites
// still work.
func TestInviteSurvivesCreatorsRoleChange(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		c := harness.NewClient(t, harness.StartServer(t, database).URL)
		owner, moderator := c.NewGuestNamed("owner"), c.NewGuestNamed("heir")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
		owner.AddMember(room.ID, moderator, models.RoleModerator)
		invites := map[*harness.Client]models.Invite{
			owner:     invite(owner, room.ID, models.NewInvite{}),
			moderator: invite(moderator, room.ID, models.NewInvite{}),
		}
		owner.AddMember(room.ID, moderator, models.RoleOwner)
		moderator.AddMember(room.ID, owner, models.RoleModerator)
		for creator, invite := range invites {
			c.NewGuest("guest").Call("POST", invitePath(invite), nil).ExpectStatus(200)
			if list := listInvites(creator, room.ID, "").Items; len(list) != 2 {
				t.Errorf("got the invites %+v", list)
			}
		}
	})
}

// TestInviteWithoutCreator checks that invites of an older version, which have no creator, count as the room owner's.
func TestInviteWithoutCreator(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		rooms := [2]models.Room{}
		invites := [2]models.Invite{}
		for i := range rooms {
			rooms[i] = owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
			invites[i] = invite(owner, rooms[i].ID, models.NewInvite{})
		}
		s.Stop()
		harness.Execute(t, database, "UPDATE invites SET author_id = 0, position = 0")
		c := harness.NewClient(t, harness.StartServer(t, database).URL)
		for _, invite := range invites {
			c.NewGuest("guest").Call("POST", invitePath(invite), nil).ExpectStatus(200)
		}
		if list := listInvites(owner.AtServer(c.URL), rooms[0].ID, "").Items; len(list) != 1 {
			t.Errorf("got the invites %+v", list)
		}
	})
}

// TestLeaverOfPrivateRoomNeedsNewInvite checks that a user who left a private room cannot be added again. They can join
// with an invite that was created after they left.
func TestLeaverOfPrivateRoomNeedsNewInvite(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		c := harness.NewClient(t, harness.StartServer(t, database).URL)
		owner, user := c.NewGuestNamed("owner"), c.NewGuestNamed("user")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
		put := func() *harness.Response {
			return owner.Call("PUT", harness.MemberPath(room.ID, user), models.RoleChange{Role: models.RoleMember})
		}
		old := invite(owner, room.ID, models.NewInvite{})
		for _, leave := range []string{harness.RoomPath(room.ID) + "/members/me", harness.MemberPath(room.ID, user)} {
			if leave == harness.MemberPath(room.ID, user) { // a user who was removed, and did not leave, can be added again
				owner.Call("DELETE", leave, nil).ExpectStatus(204)
			}
			put().ExpectStatus(200)
			user.Call("DELETE", leave, nil).ExpectStatus(204)
			put().ExpectProblem(403, models.CodeForbidden)
			owner.Call("DELETE", harness.MemberPath(room.ID, user), nil).ExpectStatus(204)
			owner.Call("PUT", harness.BanPath(room.ID, user), models.NewBan{}).ExpectStatus(200)
			owner.Call("DELETE", harness.BanPath(room.ID, user), nil).ExpectStatus(204)
			put().ExpectProblem(403, models.CodeForbidden)
			user.Call("POST", invitePath(old), nil).ExpectProblem(410, models.CodeExpired)
			if list := listInvites(owner, room.ID, "").Items; list[len(list)-1].Uses != 0 {
				t.Errorf("got the invites %+v", list)
			}
			user.Call("POST", invitePath(invite(owner, room.ID, models.NewInvite{})), nil).ExpectStatus(200)
		}
		owner.Call("DELETE", harness.MemberPath(room.ID, user), nil).ExpectStatus(204)
		put().ExpectStatus(200)

		// A user who left a public room can be added again.
		public := owner.CreatePublicRoom(user)
		user.Call("DELETE", harness.RoomPath(public.ID)+"/members/me", nil).ExpectStatus(204)
		owner.AddMember(public.ID, user, models.RoleMember)
		// Nothing is stored about the last member who leaves, or about a deleted user.
		alone := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
		owner.Call("DELETE", harness.RoomPath(alone.ID)+"/members/me", nil).ExpectStatus(204)
		user.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
		user.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
		put().ExpectProblem(404, models.CodeNotFound)
	})
}
