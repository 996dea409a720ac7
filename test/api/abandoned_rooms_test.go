package api

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestFirstToJoinOwns: a room that all have left, or whose only one has deleted their account, belongs to who comes first, and
// not to who comes next. The lobby stays nobody's.
func TestFirstToJoinOwns(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database, "--lobby", "lobby", "--presence-room-limit", "0").URL).Guest("anna")
		for how, goes := range map[string]func(maker *harness.Client, room models.Room){
			"leaves": func(maker *harness.Client, room models.Room) {
				maker.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
			},
			"is deleted": func(maker *harness.Client, _ models.Room) {
				maker.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
			},
		} {
			maker, first, second := anna.NewGuest("maker"), anna.NewGuest("first"), anna.NewGuest("second")
			room := maker.CreatePublicRoom()
			goes(maker, room)
			s := first.OpenReadyStream("")
			var joined models.Room
			first.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(200).Decode(&joined)
			var told models.MemberEvent
			s.Expect(models.EventMemberJoined, &told)
			if told.Role != models.RoleOwner || told.User.ID != first.User.ID {
				t.Errorf("%s: told %+v", how, told)
			}
			if joined.OwnerID != first.User.ID || joined.Membership.Role != models.RoleOwner {
				t.Errorf("%s: the first has joined %+v", how, joined)
			}
			second.Call("PUT", harness.MemberPath(room.ID, second), nil).ExpectStatus(200)
			if got := second.GetRoom(room.ID); got.OwnerID != first.User.ID || got.Membership.Role != models.RoleMember {
				t.Errorf("%s: the second has joined %+v", how, got)
			}
			first.Call("PATCH", harness.RoomPath(room.ID), models.RoomChange{Name: harness.Ptr("ours")}).ExpectStatus(200)
			first.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
		}
		var lobby models.Room
		for _, r := range harness.Get[models.Page[models.Room]](anna, "/v1/rooms/search?prefix=lobby").Items {
			lobby = r
		}
		anna.Call("DELETE", harness.RoomPath(lobby.ID)+"/members/me", nil).ExpectStatus(204)
		anna.JoinRoom(lobby.ID)
		if got := anna.GetRoom(lobby.ID); got.OwnerID != 0 || got.Membership.Role != models.RoleMember {
			t.Errorf("the lobby is %+v", got)
		}
	})
}

// roomInList reports whether a room is in the client's list.
func roomInList(c *harness.Client, roomID int64) bool {
	c.T.Helper()
	return slices.ContainsFunc(harness.Get[models.Page[models.Room]](c, "/v1/rooms?limit=200").Items, func(r models.Room) bool { return r.ID == roomID })
}

// TestDirectRoomIsLeft: who leaves a direct room has it out of their list until the next message in it, or until they open it
// or join it again; the other one keeps it, and hears nothing of that.
func TestDirectRoomIsLeft(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database, "--presence-room-limit", "0").URL).Guest("anna")
		ben := anna.Guest("ben")
		room := anna.OpenDirectRoom(ben)
		ben.SendText(room.ID, "one")
		hers, his := anna.OpenReadyStream(""), ben.OpenReadyStream("")
		begin := hers.LastID
		leave := func() {
			t.Helper()
			a := anna.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
			var told models.MemberEvent
			if e := hers.Expect(models.EventMemberLeft, &told); e.ID != a.EventID() || told.RoomID != room.ID || told.User.ID != anna.User.ID {
				t.Errorf("told %v", e)
			}
			anna.Call("DELETE", harness.MemberPath(room.ID, anna), nil).ExpectStatus(204).ExpectNoEvent()
			if roomInList(anna, room.ID) || !roomInList(ben, room.ID) {
				t.Error("the wrong one has the room in their list")
			}
		}
		back := func(how string, a *harness.Response) {
			t.Helper()
			var told models.MemberEvent
			if e := hers.Expect(models.EventMemberJoined, &told); e.ID != a.ExpectStatus(200).EventID() || told.RoomID != room.ID {
				t.Errorf("%s: told %v", how, e)
			}
			if !roomInList(anna, room.ID) {
				t.Errorf("%s: the room is not in the list", how)
			}
		}
		leave()
		second := ben.SendText(room.ID, "two")
		hers.Expect(models.EventMessageNotification, nil)
		his.Expect(models.EventMessageCreated, nil)
		if got := anna.GetRoom(room.ID); !roomInList(anna, room.ID) || got.Membership.UnreadCount != 1 || got.LastMessageID != second.ID {
			t.Errorf("the room came back as %+v", got)
		}
		if history := anna.AllMessages(room.ID); len(history) != 2 {
			t.Errorf("the history is %+v", history)
		}
		leave()
		back("opened", anna.Call("PUT", harness.DirectPath(ben), nil))
		leave()
		back("joined", anna.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil))
		leave()
		anna.SendText(room.ID, "three")
		hers.Expect(models.EventMessageCreated, nil)
		his.Expect(models.EventMessageNotification, nil) // the only thing he has heard since his own message
		if !roomInList(anna, room.ID) {
			t.Error("who writes does not have the room in their list")
		}
		resumed := anna.OpenReadyStream("", "Last-Event-ID", begin)
		for _, want := range []models.EventName{
			models.EventMemberLeft, models.EventMessageNotification, models.EventMemberLeft, models.EventMemberJoined, models.EventMemberLeft,
			models.EventMemberJoined, models.EventMemberLeft, models.EventMessageCreated,
		} {
			resumed.Expect(want, nil)
		}
	})
}

// TestDirectRoomOfOne: who is left in a direct room may delete it, or leave it for good. One that they had left goes with the
// other's account.
func TestDirectRoomOfOne(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).Guest("anna")
		rooms := make([]models.Room, 3)
		for i := range rooms {
			ben := anna.NewGuest("ben")
			rooms[i] = anna.OpenDirectRoom(ben)
			ben.SendText(rooms[i].ID, "hello")
			anna.Call("DELETE", harness.RoomPath(rooms[i].ID), nil).ExpectProblem(403, models.CodeForbidden)
			if i == 2 {
				anna.Call("DELETE", harness.RoomPath(rooms[i].ID)+"/members/me", nil).ExpectStatus(204)
			}
			ben.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
		}
		if !roomInList(anna, rooms[0].ID) {
			t.Error("the room went with the other one")
		}
		anna.Call("DELETE", harness.RoomPath(rooms[0].ID), nil).ExpectStatus(204)
		anna.Call("DELETE", harness.RoomPath(rooms[1].ID)+"/members/me", nil).ExpectStatus(204)
		for i, room := range rooms {
			harness.Eventually(t, fmt.Sprintf("room %d is gone", i), func() bool {
				return anna.Send("GET", harness.RoomPath(room.ID), nil).HTTP.StatusCode == 404
			})
		}
	})
}
