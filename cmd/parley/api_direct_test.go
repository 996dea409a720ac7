package main

import (
	"slices"
	"testing"

	"github.com/parley-chat/parley/models"
)

// testDirectUsers: a direct room names its two users wherever it is shown, to both alike, and other rooms name nobody.
func testDirectUsers(t *testing.T, c *client) {
	one, other, third := c.newcomer("ada"), c.newcomer("grace"), c.newcomer("eve")
	pair := []models.UserRef{one.User.Ref(), other.User.Ref()}
	streams := [2]*stream{one.open(""), other.open("")}
	room := other.direct(one)
	for _, s := range streams {
		var told models.Room
		s.expect(models.EventRoomCreated, &told)
		wantUsers(t, "told", told, pair)
	}
	wantUsers(t, "made", room, pair)
	wantUsers(t, "opened again", one.direct(other), pair)
	var joined models.Room
	one.call("PUT", roomPath(room.ID)+"/members/me", nil).status(200).into(&joined)
	wantUsers(t, "joined by a member", joined, pair)
	wantUsers(t, "read", one.look(room.ID), pair)

	want := map[int64][]models.UserRef{
		room.ID: pair, one.direct(third).ID: {one.User.Ref(), third.User.Ref()},
		one.publicRoom(other).ID: nil, one.privateRoom(other).ID: nil,
	}
	for _, path := range []string{"/v1/rooms?limit=1", "/v1/rooms?limit=3", "/v1/rooms?limit=200"} {
		listed := slices.Concat(walk[models.Room](one, path)...)
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
func testDirectUsersNow(t *testing.T, c *client) {
	stays, goes := c.newcomer("ada"), c.newcomer("grace")
	room := goes.direct(stays)
	want := []models.UserRef{stays.User.Ref(), goes.User.Ref()}
	s := stays.open("")
	shown := func() {
		t.Helper()
		wantUsers(t, "read", stays.look(room.ID), want)
		list := get[models.Page[models.Room]](stays, "/v1/rooms").Items
		if len(list) != 1 {
			t.Fatalf("the rooms are %+v", list)
		}
		wantUsers(t, "listed", list[0], want)
	}
	want[1].DisplayName = "Rear Admiral"
	goes.call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: &want[1].DisplayName}).status(200)
	shown()
	want = want[:1]
	goes.call("DELETE", "/v1/users/me", nil).status(204)
	s.expect(models.EventMemberLeft, nil)
	shown()
}
