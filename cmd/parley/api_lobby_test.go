package main

import (
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestLobby finds the lobby at the first start and again at the second, every account in it, however many sign up at
// once; guests are not, until they have signed up, and the banned stay out.
func TestLobby(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		guest := newClient(t, s.url).guest("gast")
		var empty models.Room
		guest.call("GET", named("lobby"), nil).status(200).into(&empty)
		if empty.Kind != models.RoomPublic || empty.MemberCount != 0 || empty.OwnerID != 0 || empty.Membership != nil {
			t.Errorf("the lobby is %+v", empty)
		}
		anna := guest.signUp("anna", "correct horse")
		seen := anna.open("")
		for _, name := range []string{"bert", "cora"} {
			c := guest.signUp(name, "correct horse")
			var joined models.MemberEvent
			seen.expect(models.EventMemberJoined, &joined)
			if joined.RoomID != empty.ID || joined.User != c.User.Ref() {
				t.Errorf("got %+v", joined)
			}
		}
		s.halt()

		guest = guest.at(startServer(t, database).url)
		guest.join(empty.ID)
		wantMembers(t, guest, empty.ID, 4)
		guest.call("POST", "/v1/users", models.NewUser{Username: "dirk", Password: "correct horse"}).status(201)
		wantMembers(t, guest, empty.ID, 4)

		outcast := guest.guest("outcast")
		execute(t, database, "UPDATE memberships SET role = 'moderator' WHERE user_id = 2") // anna
		anna = anna.at(guest.url)
		anna.call("PUT", roomPath(empty.ID)+"/bans/@outcast", nil).status(200)
		outcast.call("POST", "/v1/users", models.NewUser{Username: "emil", Password: "correct horse"}).status(201)
		wantMembers(t, anna, empty.ID, 4)
		outcast.call("GET", roomPath(empty.ID), nil).problem(403, models.CodeBanned)
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
