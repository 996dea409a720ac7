package api

import (
	"fmt"
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestFirstToJoinEmptyRoomBecomesOwner empties a public room: its only member leaves or deletes their account. The
// first user who joins then becomes the owner, and the second does not. The lobby never has an owner.
func TestFirstToJoinEmptyRoomBecomesOwner(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database, "--lobby", "lobby", "--presence-room-limit", "0").URL).
			NewGuestNamed("anna")
		for how, empty := range map[string]func(creator *harness.Client, room models.Room){
			"leaves": func(creator *harness.Client, room models.Room) {
				creator.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
			},
			"is deleted": func(creator *harness.Client, _ models.Room) {
				creator.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
			},
		} {
			creator, first, second := anna.NewGuest("maker"), anna.NewGuest("first"), anna.NewGuest("second")
			room := creator.CreatePublicRoom()
			empty(creator, room)
			s := first.OpenStream("")
			var joined models.Room
			first.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(200).Decode(&joined)
			var data models.MemberEvent
			s.Expect(models.EventMemberJoined, &data)
			if data.Role != models.RoleOwner || data.User.ID != first.User.ID {
				t.Errorf("%s: got the event %+v", how, data)
			}
			if joined.OwnerID != first.User.ID || joined.Membership.Role != models.RoleOwner {
				t.Errorf("%s: the first user joined %+v", how, joined)
			}
			second.Call("PUT", harness.MemberPath(room.ID, second), nil).ExpectStatus(200)
			if got := second.GetRoom(room.ID); got.OwnerID != first.User.ID || got.Membership.Role != models.RoleMember {
				t.Errorf("%s: the second user joined %+v", how, got)
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
			t.Errorf("got the lobby %+v", got)
		}
	})
}

// roomInList reports whether a room is in the client's list.
func roomInList(c *harness.Client, roomID int64) bool {
	c.T.Helper()
	rooms := harness.Get[models.Page[models.Room]](c, "/v1/rooms?limit=200").Items
	return slices.ContainsFunc(rooms, func(r models.Room) bool { return r.ID == roomID })
}

// TestLeftDirectRoomIsHidden lets a user leave a direct room. The room is not in their list until the next message in
// it, or until they open it or join it again. The other user keeps it in their list, and gets no event.
func TestLeftDirectRoomIsHidden(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database, "--presence-room-limit", "0").URL).NewGuestNamed("anna")
		ben := anna.NewGuestNamed("ben")
		room := anna.OpenDirectRoom(ben)
		ben.SendText(room.ID, "one")
		annasStream, bensStream := anna.OpenStream(""), ben.OpenStream("")
		begin := annasStream.LastID
		leave := func() {
			t.Helper()
			a := anna.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
			var data models.MemberEvent
			if e := annasStream.Expect(models.EventMemberLeft, &data); e.ID != a.EventID() || data.RoomID != room.ID ||
				data.User.ID != anna.User.ID {
				t.Errorf("got the event %v", e)
			}
			anna.Call("DELETE", harness.MemberPath(room.ID, anna), nil).ExpectStatus(204).ExpectNoEvent()
			if roomInList(anna, room.ID) || !roomInList(ben, room.ID) {
				t.Error("want the room in ben's list, and not in anna's")
			}
		}
		expectBack := func(how string, a *harness.Response) {
			t.Helper()
			var data models.MemberEvent
			if e := annasStream.Expect(models.EventMemberJoined, &data); e.ID != a.ExpectStatus(200).EventID() ||
				data.RoomID != room.ID {
				t.Errorf("%s: got the event %v", how, e)
			}
			if !roomInList(anna, room.ID) {
				t.Errorf("%s: the room is not in the list", how)
			}
		}
		leave()
		second := ben.SendText(room.ID, "two")
		annasStream.Expect(models.EventMessageNotification, nil)
		bensStream.Expect(models.EventMessageCreated, nil)
		if got := anna.GetRoom(room.ID); !roomInList(anna, room.ID) || got.Membership.UnreadCount != 1 ||
			got.LastMessageID != second.ID {
			t.Errorf("after a message: got the room %+v", got)
		}
		if history := anna.AllMessages(room.ID); len(history) != 2 {
			t.Errorf("got the history %+v", history)
		}
		leave()
		expectBack("opened", anna.Call("PUT", harness.DirectPath(ben), nil))
		leave()
		expectBack("joined", anna.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil))
		leave()
		anna.SendText(room.ID, "three")
		annasStream.Expect(models.EventMessageCreated, nil)
		bensStream.Expect(models.EventMessageNotification, nil) // the only event since his own message
		if !roomInList(anna, room.ID) {
			t.Error("after writing, anna does not have the room in her list")
		}
		resumed := anna.OpenStream("", "Last-Event-ID", begin)
		for _, want := range []models.EventName{
			models.EventMemberLeft, models.EventMessageNotification, models.EventMemberLeft, models.EventMemberJoined,
			models.EventMemberLeft,
			models.EventMemberJoined, models.EventMemberLeft, models.EventMessageCreated,
		} {
			resumed.Expect(want, nil)
		}
	})
}

// TestLastUserOfDirectRoomRemovesIt deletes the account of one user of a direct room. The other user can delete the
// room, or leave it, which deletes it too. A room that they had left before is deleted with the account.
func TestLastUserOfDirectRoomRemovesIt(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		anna := harness.NewClient(t, harness.StartServer(t, database).URL).NewGuestNamed("anna")
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
			t.Error("the room was deleted with the account of the other user")
		}
		anna.Call("DELETE", harness.RoomPath(rooms[0].ID), nil).ExpectStatus(204)
		anna.Call("DELETE", harness.RoomPath(rooms[1].ID)+"/members/me", nil).ExpectStatus(204)
		for i, room := range rooms {
			harness.Eventually(t, fmt.Sprintf("room %d is deleted", i), func() bool {
				return anna.Send("GET", harness.RoomPath(room.ID), nil).HTTP.StatusCode == 404
			})
		}
	})
}
