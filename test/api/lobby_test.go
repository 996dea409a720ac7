package api

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestLobby checks that the first start creates the lobby and the second start keeps it, with all users as members,
// guests too. An upgraded guest stays a member; a guest who left or was banned does not become a member again.
func TestLobby(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		lobby := []string{"--lobby", "lobby", "--presence-room-limit", "0"}
		s := harness.StartServer(t, database, lobby...)
		guest := harness.NewClient(t, s.URL).NewGuestNamed("gast")
		var room models.Room
		guest.Call("GET", harness.HandlePath("lobby"), nil).ExpectStatus(200).Decode(&room)
		if room.Kind != models.RoomPublic || room.MemberCount != 1 || room.OwnerID != 0 ||
			room.Membership.Role != models.RoleMember {
			t.Errorf("the lobby is %+v", room)
		}
		seen := guest.OpenStream("")
		for _, name := range []string{"anna", "bert", "cora"} {
			c := guest.SignUp(name, "correct horse")
			var joined models.MemberEvent
			seen.Expect(models.EventMemberJoined, &joined)
			if joined.RoomID != room.ID || joined.User != c.User.Ref() {
				t.Errorf("got %+v", joined)
			}
		}
		outcast := guest.NewGuestNamed("outcast")
		leaver := guest.NewGuestNamed("leaver")
		s.Stop()

		guest = guest.AtServer(harness.StartServer(t, database, lobby...).URL)
		wantMembers(t, guest, room.ID, 6)
		guest.Call("POST", "/v1/users", models.NewUser{Username: "dirk", Password: "correct horse"}).ExpectStatus(201)
		wantMembers(t, guest, room.ID, 6)

		leaver = leaver.AtServer(guest.URL)
		leaver.Call("DELETE", harness.RoomPath(room.ID)+"/members/me", nil).ExpectStatus(204)
		leaver.Call("POST", "/v1/users", models.NewUser{Username: "left", Password: "correct horse"}).ExpectStatus(201)
		harness.Execute(t, database, "UPDATE memberships SET role = 'moderator' WHERE user_id = 2") // anna
		anna := guest.LogInAs("anna", "correct horse")
		anna.Call("PUT", harness.RoomPath(room.ID)+"/bans/@outcast", nil).ExpectStatus(200)
		outcast = outcast.AtServer(guest.URL)
		outcast.Call("POST", "/v1/users", models.NewUser{Username: "emil", Password: "correct horse"}).ExpectStatus(201)
		wantMembers(t, anna, room.ID, 4)
		outcast.Call("GET", harness.RoomPath(room.ID), nil).ExpectProblem(403, models.CodeBanned)
	})
}

// wantMembers compares a room's number of members.
func wantMembers(t *testing.T, c *harness.Client, roomID, want int64) {
	t.Helper()
	var r models.Room
	if a := c.Call("GET", harness.RoomPath(roomID), nil).ExpectStatus(200).Decode(&r); r.MemberCount != want {
		t.Errorf("%v: want %d members", a, want)
	}
}

// TestLobbyFlag starts a server with another lobby, and one without a lobby.
func TestLobbyFlag(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--lobby", "#Foyer")
		anna := harness.NewClient(t, s.URL).SignUp("anna", "correct horse")
		var foyer models.Room
		anna.Call("GET", harness.HandlePath("foyer"), nil).ExpectStatus(200).Decode(&foyer)
		if foyer.Handle != "Foyer" || foyer.Membership == nil {
			t.Errorf("the lobby is %+v", foyer)
		}
		s.Stop()
		s = harness.StartServer(t, database, "--lobby", "none")
		bert := harness.NewClient(t, s.URL).SignUp("bert", "correct horse")
		var rooms models.Page[models.Room]
		bert.Call("GET", "/v1/rooms", nil).ExpectStatus(200).Decode(&rooms)
		if len(rooms.Items) != 0 {
			t.Errorf("without a lobby: got bert's rooms %+v, want none", rooms.Items)
		}
		bert.Call("GET", harness.HandlePath("lobby"), nil).ExpectProblem(404, models.CodeNotFound)
	})
}
