package main

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestLobby finds the lobby at the first start and again at the second, with everybody in it, guests too. A guest who
// signs up is in it as before: one who left stays out, one who was banned too.
func TestLobby(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		lobby := []string{"--lobby", "lobby", "--presence-room-limit", "0"}
		s := startServer(t, database, lobby...)
		guest := newClient(t, s.url).guest("gast")
		var room models.Room
		guest.call("GET", named("lobby"), nil).status(200).into(&room)
		if room.Kind != models.RoomPublic || room.MemberCount != 1 || room.OwnerID != 0 || room.Membership.Role != models.RoleMember {
			t.Errorf("the lobby is %+v", room)
		}
		seen := guest.open("")
		for _, name := range []string{"anna", "bert", "cora"} {
			c := guest.signUp(name, "correct horse")
			var joined models.MemberEvent
			seen.expect(models.EventMemberJoined, &joined)
			if joined.RoomID != room.ID || joined.User != c.User.Ref() {
				t.Errorf("got %+v", joined)
			}
		}
		outcast := guest.guest("outcast")
		leaver := guest.guest("leaver")
		s.halt()

		guest = guest.at(startServer(t, database, lobby...).url)
		wantMembers(t, guest, room.ID, 6)
		guest.call("POST", "/v1/users", models.NewUser{Username: "dirk", Password: "correct horse"}).status(201)
		wantMembers(t, guest, room.ID, 6)

		leaver = leaver.at(guest.url)
		leaver.call("DELETE", roomPath(room.ID)+"/members/me", nil).status(204)
		leaver.call("POST", "/v1/users", models.NewUser{Username: "left", Password: "correct horse"}).status(201)
		execute(t, database, "UPDATE memberships SET role = 'moderator' WHERE user_id = 2") // anna
		anna := guest.logInAs("anna", "correct horse")
		anna.call("PUT", roomPath(room.ID)+"/bans/@outcast", nil).status(200)
		outcast = outcast.at(guest.url)
		outcast.call("POST", "/v1/users", models.NewUser{Username: "emil", Password: "correct horse"}).status(201)
		wantMembers(t, anna, room.ID, 4)
		outcast.call("GET", roomPath(room.ID), nil).problem(403, models.CodeBanned)
	})
}

func wantMembers(t *testing.T, c *client, roomID, want int64) {
	t.Helper()
	var r models.Room
	if a := c.call("GET", roomPath(roomID), nil).status(200).into(&r); r.MemberCount != want {
		t.Errorf("%v: wanted %d members", a, want)
	}
}

// TestLobbyElsewhere names another lobby, and none.
func TestLobbyElsewhere(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--lobby", "#Foyer")
		anna := newClient(t, s.url).signUp("anna", "correct horse")
		var foyer models.Room
		anna.call("GET", named("foyer"), nil).status(200).into(&foyer)
		if foyer.Handle != "Foyer" || foyer.Membership == nil {
			t.Errorf("the lobby is %+v", foyer)
		}
		s.halt()
		s = startServer(t, database, "--lobby", "none")
		bert := newClient(t, s.url).signUp("bert", "correct horse")
		var rooms models.Page[models.Room]
		bert.call("GET", "/v1/rooms", nil).status(200).into(&rooms)
		if len(rooms.Items) != 0 {
			t.Errorf("without a lobby bert is in %+v", rooms.Items)
		}
		bert.call("GET", named("lobby"), nil).problem(404, models.CodeNotFound)
	})
}
