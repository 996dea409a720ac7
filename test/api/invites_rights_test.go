package api

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestInviteEndsWithItsMaker takes the right to invite from who made an invite, in each way there is: nobody comes in
// by it any more, nor after it was given back.
func TestInviteEndsWithItsMaker(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		c := harness.NewClient(t, harness.StartServer(t, database).URL)
		owner, member := c.NewGuestNamed("owner"), c.NewGuestNamed("member")
		for name, end := range map[string]func(maker *harness.Client, room int64){
			"demoted": func(maker *harness.Client, room int64) { owner.AddMember(room, maker, models.RoleMember) },
			"left": func(maker *harness.Client, room int64) {
				maker.Call("DELETE", harness.RoomPath(room)+"/members/me", nil).ExpectStatus(204)
				maker.Call("POST", invitePath(invite(owner, room, models.NewInvite{})), nil).ExpectStatus(200)
			},
			"removed": func(maker *harness.Client, room int64) {
				owner.Call("DELETE", harness.MemberPath(room, maker), nil).ExpectStatus(204)
				owner.AddMember(room, maker, models.RoleMember)
			},
			"banned": func(maker *harness.Client, room int64) {
				owner.Call("PUT", harness.BanPath(room, maker), models.NewBan{}).ExpectStatus(200)
				owner.Call("DELETE", harness.BanPath(room, maker), nil).ExpectStatus(204)
				owner.AddMember(room, maker, models.RoleMember)
			},
			"gone": func(maker *harness.Client, _ int64) { maker.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204) },
		} {
			t.Run(name, func(t *testing.T) {
				maker := c.NewGuest("maker")
				room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
				owner.AddMember(room.ID, member, models.RoleMember)
				owner.AddMember(room.ID, maker, models.RoleModerator)
				lost := invite(maker, room.ID, models.NewInvite{})
				kept := invite(owner, room.ID, models.NewInvite{})
				end(maker, room.ID)
				refused := func() {
					t.Helper()
					c.NewGuest("guest").Call("POST", invitePath(lost), nil).ExpectProblem(410, models.CodeExpired)
				}
				refused()
				member.Call("POST", invitePath(lost), nil).ExpectStatus(200) // a member, whom no invite keeps out
				if name != "gone" {
					owner.AddMember(room.ID, maker, models.RoleModerator)
					refused()
					c.NewGuest("guest").Call("POST", invitePath(invite(maker, room.ID, models.NewInvite{})), nil).ExpectStatus(200)
				}
				for _, i := range listInvites(owner, room.ID, "").Items {
					if i.Code == lost.Code {
						t.Errorf("what does not work any more is listed: %+v", i)
					}
				}
				c.NewGuest("guest").Call("POST", invitePath(kept), nil).ExpectStatus(200)
			})
		}
	})
}

// TestInviteStaysWithItsMaker: another role with the right to invite changes nothing.
func TestInviteStaysWithItsMaker(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		c := harness.NewClient(t, harness.StartServer(t, database).URL)
		owner, heir := c.NewGuestNamed("owner"), c.NewGuestNamed("heir")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
		owner.AddMember(room.ID, heir, models.RoleModerator)
		of := map[*harness.Client]models.Invite{owner: invite(owner, room.ID, models.NewInvite{}), heir: invite(heir, room.ID, models.NewInvite{})}
		owner.AddMember(room.ID, heir, models.RoleOwner)
		heir.AddMember(room.ID, owner, models.RoleModerator)
		for maker, invite := range of {
			c.NewGuest("guest").Call("POST", invitePath(invite), nil).ExpectStatus(200)
			if list := listInvites(maker, room.ID, "").Items; len(list) != 2 {
				t.Errorf("the invites are %+v", list)
			}
		}
	})
}

// TestInviteOfNobody: for invites that an older version made, without saying who, the room's owner answers.
func TestInviteOfNobody(t *testing.T) {
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
			t.Errorf("the invites are %+v", list)
		}
	})
}

// TestWhoLeftIsAsked: nobody puts back who has left a private room by themselves. They come by an invite that was made
// since.
func TestWhoLeftIsAsked(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		c := harness.NewClient(t, harness.StartServer(t, database).URL)
		owner, user := c.NewGuestNamed("owner"), c.NewGuestNamed("user")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
		put := func() *harness.Response {
			return owner.Call("PUT", harness.MemberPath(room.ID, user), models.RoleChange{Role: models.RoleMember})
		}
		old := invite(owner, room.ID, models.NewInvite{})
		for _, leave := range []string{harness.RoomPath(room.ID) + "/members/me", harness.MemberPath(room.ID, user)} {
			if leave == harness.MemberPath(room.ID, user) { // who was removed, and did not leave, is put back
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
				t.Errorf("the invites are %+v", list)
			}
			user.Call("POST", invitePath(invite(owner, room.ID, models.NewInvite{})), nil).ExpectStatus(200)
		}
		owner.Call("DELETE", harness.MemberPath(room.ID, user), nil).ExpectStatus(204)
		put().ExpectStatus(200)

		// Into a public room who left comes back by themselves, and may be put back.
		public := owner.CreatePublicRoom(user)
		user.Call("DELETE", harness.RoomPath(public.ID)+"/members/me", nil).ExpectStatus(204)
		owner.AddMember(public.ID, user, models.RoleMember)
		// Nothing is kept of who leaves last, or is gone.
		alone := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
		owner.Call("DELETE", harness.RoomPath(alone.ID)+"/members/me", nil).ExpectStatus(204)
		user.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
		user.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
		put().ExpectProblem(404, models.CodeNotFound)
	})
}
