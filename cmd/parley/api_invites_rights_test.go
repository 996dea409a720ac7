package main

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestInviteEndsWithItsMaker takes the right to invite from who made an invite, in each way there is: nobody comes in by it
// any more, nor after it was given back.
func TestInviteEndsWithItsMaker(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		c := newClient(t, startServer(t, database).url)
		owner, member := c.guest("owner"), c.guest("member")
		for name, end := range map[string]func(maker *client, room int64){
			"demoted": func(maker *client, room int64) { owner.add(room, maker, models.RoleMember) },
			"left": func(maker *client, room int64) {
				maker.call("DELETE", roomPath(room)+"/members/me", nil).status(204)
				maker.call("POST", invitePath(owner.invite(room, models.NewInvite{})), nil).status(200)
			},
			"removed": func(maker *client, room int64) {
				owner.call("DELETE", memberPath(room, maker), nil).status(204)
				owner.add(room, maker, models.RoleMember)
			},
			"banned": func(maker *client, room int64) {
				owner.call("PUT", banPath(room, maker), models.NewBan{}).status(200)
				owner.call("DELETE", banPath(room, maker), nil).status(204)
				owner.add(room, maker, models.RoleMember)
			},
			"gone": func(maker *client, _ int64) { maker.call("DELETE", "/v1/users/me", nil).status(204) },
		} {
			t.Run(name, func(t *testing.T) {
				maker := c.newcomer("maker")
				room := owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)})
				owner.add(room.ID, member, models.RoleMember)
				owner.add(room.ID, maker, models.RoleModerator)
				lost := maker.invite(room.ID, models.NewInvite{})
				kept := owner.invite(room.ID, models.NewInvite{})
				end(maker, room.ID)
				refused := func() {
					t.Helper()
					c.newcomer("guest").call("POST", invitePath(lost), nil).problem(410, models.CodeExpired)
				}
				refused()
				member.call("POST", invitePath(lost), nil).status(200) // a member, whom no invite keeps out
				if name != "gone" {
					owner.add(room.ID, maker, models.RoleModerator)
					refused()
					c.newcomer("guest").call("POST", invitePath(maker.invite(room.ID, models.NewInvite{})), nil).status(200)
				}
				for _, i := range owner.invites(room.ID, "").Items {
					if i.Code == lost.Code {
						t.Errorf("what does not work any more is listed: %+v", i)
					}
				}
				c.newcomer("guest").call("POST", invitePath(kept), nil).status(200)
			})
		}
	})
}

// TestInviteStaysWithItsMaker: another role with the right to invite changes nothing.
func TestInviteStaysWithItsMaker(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		c := newClient(t, startServer(t, database).url)
		owner, heir := c.guest("owner"), c.guest("heir")
		room := owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)})
		owner.add(room.ID, heir, models.RoleModerator)
		of := map[*client]models.Invite{owner: owner.invite(room.ID, models.NewInvite{}), heir: heir.invite(room.ID, models.NewInvite{})}
		owner.add(room.ID, heir, models.RoleOwner)
		heir.add(room.ID, owner, models.RoleModerator)
		for maker, invite := range of {
			c.newcomer("guest").call("POST", invitePath(invite), nil).status(200)
			if list := maker.invites(room.ID, "").Items; len(list) != 2 {
				t.Errorf("the invites are %+v", list)
			}
		}
	})
}

// TestInviteOfNobody: for invites that an older version made, without saying who, the room's owner answers.
func TestInviteOfNobody(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		rooms := [2]models.Room{}
		invites := [2]models.Invite{}
		for i := range rooms {
			rooms[i] = owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)})
			invites[i] = owner.invite(rooms[i].ID, models.NewInvite{})
		}
		s.halt()
		execute(t, database, "UPDATE invites SET author_id = 0, position = 0")
		c := newClient(t, startServer(t, database).url)
		for _, invite := range invites {
			c.newcomer("guest").call("POST", invitePath(invite), nil).status(200)
		}
		if list := owner.at(c.url).invites(rooms[0].ID, "").Items; len(list) != 1 {
			t.Errorf("the invites are %+v", list)
		}
	})
}

// TestWhoLeftIsAsked: nobody puts back who has left a private room by themselves. They come by an invite that was made since.
func TestWhoLeftIsAsked(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		c := newClient(t, startServer(t, database).url)
		owner, user := c.guest("owner"), c.guest("user")
		room := owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)})
		put := func() *answer {
			return owner.call("PUT", memberPath(room.ID, user), models.RoleChange{Role: models.RoleMember})
		}
		old := owner.invite(room.ID, models.NewInvite{})
		for _, leave := range []string{roomPath(room.ID) + "/members/me", memberPath(room.ID, user)} {
			if leave == memberPath(room.ID, user) { // who was removed, and did not leave, is put back
				owner.call("DELETE", leave, nil).status(204)
			}
			put().status(200)
			user.call("DELETE", leave, nil).status(204)
			put().problem(403, models.CodeForbidden)
			owner.call("DELETE", memberPath(room.ID, user), nil).status(204)
			owner.call("PUT", banPath(room.ID, user), models.NewBan{}).status(200)
			owner.call("DELETE", banPath(room.ID, user), nil).status(204)
			put().problem(403, models.CodeForbidden)
			user.call("POST", invitePath(old), nil).problem(410, models.CodeExpired)
			if list := owner.invites(room.ID, "").Items; list[len(list)-1].Uses != 0 {
				t.Errorf("the invites are %+v", list)
			}
			user.call("POST", invitePath(owner.invite(room.ID, models.NewInvite{})), nil).status(200)
		}
		owner.call("DELETE", memberPath(room.ID, user), nil).status(204)
		put().status(200)

		// Into a public room who left comes back by themselves, and may be put back.
		public := owner.publicRoom(user)
		user.call("DELETE", roomPath(public.ID)+"/members/me", nil).status(204)
		owner.add(public.ID, user, models.RoleMember)
		// Nothing is kept of who leaves last, or is gone.
		alone := owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)})
		owner.call("DELETE", roomPath(alone.ID)+"/members/me", nil).status(204)
		user.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
		user.call("DELETE", "/v1/users/me", nil).status(204)
		put().problem(404, models.CodeNotFound)
	})
}
