package api

import (
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// testDirectUsers checks that a direct room has its two users in every response and event, for both of them, and that
// other rooms have no users.
func testDirectUsers(t *testing.T, c *harness.Client) {
	one, other, third := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	pair := []models.UserRef{one.User.Ref(), other.User.Ref()}
	streams := [2]*harness.Stream{one.OpenStream(""), other.OpenStream("")}
	room := other.OpenDirectRoom(one)
	for _, s := range streams {
		var created models.Room
		s.Expect(models.EventRoomCreated, &created)
		wantUsers(t, "in the event", created, pair)
	}
	wantUsers(t, "created", room, pair)
	wantUsers(t, "opened again", one.OpenDirectRoom(other), pair)
	var joined models.Room
	one.Call("PUT", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(200).Decode(&joined)
	wantUsers(t, "joined by a member", joined, pair)
	wantUsers(t, "read", one.GetRoom(room.ID), pair)

	want := map[int64][]models.UserRef{
		room.ID: pair, one.OpenDirectRoom(third).ID: {one.User.Ref(), third.User.Ref()},
		one.CreatePublicRoom(other).ID: nil, one.CreatePrivateRoom(other).ID: nil,
	}
	for _, path := range []string{"/v1/rooms?limit=1", "/v1/rooms?limit=3", "/v1/rooms?limit=200"} {
		listed := slices.Concat(harness.AllPages[models.Room](one, path)...)
		if len(listed) != len(want) {
			t.Errorf("%s: got %+v", path, listed)
		}
		for _, r := range listed {
			wantUsers(t, path, r, want[r.ID])
		}
	}
}

// wantUsers compares the users that a room shows.
func wantUsers(t *testing.T, how string, room models.Room, want []models.UserRef) {
	t.Helper()
	if !slices.Equal(room.Users, want) {
		t.Errorf("%s: got the users %+v of a %s room, want %+v", how, room.Users, room.Kind, want)
	}
}

// testDirectUsersAreCurrent checks that the users of a direct room are shown with their current names, and that a
// deleted user is not among them.
func testDirectUsersAreCurrent(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	room := other.OpenDirectRoom(me)
	want := []models.UserRef{me.User.Ref(), other.User.Ref()}
	s := me.OpenStream("")
	checkUsers := func() {
		t.Helper()
		wantUsers(t, "read", me.GetRoom(room.ID), want)
		list := harness.Get[models.Page[models.Room]](me, "/v1/rooms").Items
		if len(list) != 1 {
			t.Fatalf("got the rooms %+v", list)
		}
		wantUsers(t, "listed", list[0], want)
	}
	want[1].DisplayName = "Rear Admiral"
	other.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: &want[1].DisplayName}).ExpectStatus(200)
	checkUsers()
	want = want[:1]
	other.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	s.Expect(models.EventMemberLeft, nil)
	checkUsers()
}
