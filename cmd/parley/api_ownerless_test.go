package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestFirstToJoinOwns: a room that all have left, or whose only one has deleted their account, belongs to who comes first, and
// not to who comes next. The lobby stays nobody's.
func TestFirstToJoinOwns(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database, "--lobby", "lobby", "--presence-room-limit", "0").url).guest("anna")
		for how, goes := range map[string]func(maker *client, room models.Room){
			"leaves": func(maker *client, room models.Room) {
				maker.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
			},
			"is deleted": func(maker *client, _ models.Room) {
				maker.call("DELETE", "/v1/users/me", nil).status(204)
			},
		} {
			maker, first, second := anna.newcomer("maker"), anna.newcomer("first"), anna.newcomer("second")
			room := maker.publicRoom()
			goes(maker, room)
			s := first.open("")
			var joined models.Room
			first.call("PUT", roomPath(room.ID)+"/members/me", nil).status(200).into(&joined)
			var told models.MemberEvent
			s.expect(models.EventMemberJoined, &told)
			if told.Role != models.RoleOwner || told.User.ID != first.User.ID {
				t.Errorf("%s: told %+v", how, told)
			}
			if joined.OwnerID != first.User.ID || joined.Membership.Role != models.RoleOwner {
				t.Errorf("%s: the first has joined %+v", how, joined)
			}
			second.call("PUT", memberPath(room.ID, second), nil).status(200)
			if got := second.look(room.ID); got.OwnerID != first.User.ID || got.Membership.Role != models.RoleMember {
				t.Errorf("%s: the second has joined %+v", how, got)
			}
			first.call("PATCH", roomPath(room.ID), models.RoomChange{Name: ptr("ours")}).status(200)
			first.call("DELETE", roomPath(room.ID), nil).status(204)
		}
		var lobby models.Room
		for _, r := range get[models.Page[models.Room]](anna, "/v1/rooms/search?prefix=lobby").Items {
			lobby = r
		}
		anna.call("DELETE", roomPath(lobby.ID)+"/members/me", nil).status(204)
		anna.join(lobby.ID)
		if got := anna.look(lobby.ID); got.OwnerID != 0 || got.Membership.Role != models.RoleMember {
			t.Errorf("the lobby is %+v", got)
		}
	})
}

// inList reports whether a room is in the client's list.
func (c *client) inList(roomID int64) bool {
	c.t.Helper()
	return slices.ContainsFunc(get[models.Page[models.Room]](c, "/v1/rooms?limit=200").Items, func(r models.Room) bool { return r.ID == roomID })
}

// TestDirectRoomIsLeft: who leaves a direct room has it out of their list until the next message in it, or until they open it
// or join it again; the other one keeps it, and hears nothing of that.
func TestDirectRoomIsLeft(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database, "--presence-room-limit", "0").url).guest("anna")
		ben := anna.guest("ben")
		room := anna.direct(ben)
		ben.say(room.ID, "one")
		hers, his := anna.open(""), ben.open("")
		begin := hers.lastID
		leave := func() {
			t.Helper()
			a := anna.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
			var told models.MemberEvent
			if e := hers.expect(models.EventMemberLeft, &told); e.id != a.eventID() || told.RoomID != room.ID || told.User.ID != anna.User.ID {
				t.Errorf("told %v", e)
			}
			anna.call("DELETE", memberPath(room.ID, anna), nil).status(204).quiet()
			if anna.inList(room.ID) || !ben.inList(room.ID) {
				t.Error("the wrong one has the room in their list")
			}
		}
		back := func(how string, a *answer) {
			t.Helper()
			var told models.MemberEvent
			if e := hers.expect(models.EventMemberJoined, &told); e.id != a.status(200).eventID() || told.RoomID != room.ID {
				t.Errorf("%s: told %v", how, e)
			}
			if !anna.inList(room.ID) {
				t.Errorf("%s: the room is not in the list", how)
			}
		}
		leave()
		second := ben.say(room.ID, "two")
		hers.expect(models.EventMessageNotification, nil)
		his.expect(models.EventMessageCreated, nil)
		if got := anna.look(room.ID); !anna.inList(room.ID) || got.Membership.UnreadCount != 1 || got.LastMessageID != second.ID {
			t.Errorf("the room came back as %+v", got)
		}
		if history := anna.history(room.ID); len(history) != 2 {
			t.Errorf("the history is %+v", history)
		}
		leave()
		back("opened", anna.call("PUT", directPath(ben), nil))
		leave()
		back("joined", anna.call("PUT", roomPath(room.ID)+"/members/me", nil))
		leave()
		anna.say(room.ID, "three")
		hers.expect(models.EventMessageCreated, nil)
		his.expect(models.EventMessageNotification, nil) // the only thing he has heard since his own message
		if !anna.inList(room.ID) {
			t.Error("who writes does not have the room in their list")
		}
		resumed := anna.open("", "Last-Event-ID", begin)
		for _, want := range []models.EventName{
			models.EventMemberLeft, models.EventMessageNotification, models.EventMemberLeft, models.EventMemberJoined, models.EventMemberLeft,
			models.EventMemberJoined, models.EventMemberLeft, models.EventMessageCreated,
		} {
			resumed.expect(want, nil)
		}
	})
}

// TestDirectRoomOfOne: who is left in a direct room may delete it, or leave it for good. One that they had left goes with the
// other's account.
func TestDirectRoomOfOne(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		anna := newClient(t, startServer(t, database).url).guest("anna")
		rooms := make([]models.Room, 3)
		for i := range rooms {
			ben := anna.newcomer("ben")
			rooms[i] = anna.direct(ben)
			ben.say(rooms[i].ID, "hello")
			anna.call("DELETE", roomPath(rooms[i].ID), nil).problem(403, models.CodeForbidden)
			if i == 2 {
				anna.call("DELETE", roomPath(rooms[i].ID)+"/members/me", nil).status(204)
			}
			ben.call("DELETE", "/v1/users/me", nil).status(204)
		}
		if !anna.inList(rooms[0].ID) {
			t.Error("the room went with the other one")
		}
		anna.call("DELETE", roomPath(rooms[0].ID), nil).status(204)
		anna.call("DELETE", roomPath(rooms[1].ID)+"/members/me", nil).status(204)
		for i, room := range rooms {
			eventually(t, fmt.Sprintf("room %d is gone", i), func() bool {
				return anna.send("GET", roomPath(room.ID), nil).response.StatusCode == 404
			})
		}
	})
}
