package api

import (
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// testDirectUsers: a direct room names its two users wherever it is shown, to both alike, and other rooms name nobody.
func testDirectUsers(t *testing.T, c *harness.Client) {
	one, other, third := c.NewGuest("ada"), c.NewGuest("grace"), c.NewGuest("eve")
	pair := []models.UserRef{one.User.Ref(), other.User.Ref()}
	streams := [2]*harness.Stream{one.OpenReadyStream(""), other.OpenReadyStream("")}
	room := other.OpenDirectRoom(one)
	for _, s := range streams {
		var told models.Room
		s.Expect(models.EventRoomCreated, &told)
		wantUsers(t, "told", told, pair)
	}
	wantUsers(t, "made", room, pair)
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
			t.Errorf("%s is %+v", path, listed)
		}
		for _, r := range listed {
			wantUsers(t, path, r, want[r.ID])
		}
	}
}

func wantUsers(t *testing.T, how string, room models.Room, want []models.UserRef) {
	t.Helper()
	if !slices.Equal(room.Users, want) {
		t.Errorf("%s, a %s room names %+v, not %+v", how, room.Kind, room.Users, want)
	}
}

// testDirectUsersNow: the users of a direct room have the names of now, and who has no account any more is none of them.
func testDirectUsersNow(t *testing.T, c *harness.Client) {
	stays, goes := c.NewGuest("ada"), c.NewGuest("grace")
	room := goes.OpenDirectRoom(stays)
	want := []models.UserRef{stays.User.Ref(), goes.User.Ref()}
	s := stays.OpenReadyStream("")
	shown := func() {
		t.Helper()
		wantUsers(t, "read", stays.GetRoom(room.ID), want)
		list := harness.Get[models.Page[models.Room]](stays, "/v1/rooms").Items
		if len(list) != 1 {
			t.Fatalf("the rooms are %+v", list)
		}
		wantUsers(t, "listed", list[0], want)
	}
	want[1].DisplayName = "Rear Admiral"
	goes.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: &want[1].DisplayName}).ExpectStatus(200)
	shown()
	want = want[:1]
	goes.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	s.Expect(models.EventMemberLeft, nil)
	shown()
}
