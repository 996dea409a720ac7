package api

import (
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestGuestUpgradesToAccount lets a guest sign up with their token. The user stays the same, with rooms, messages and
// read marks; the guest's stream continues, and the account can log in with its password.
func TestGuestUpgradesToAccount(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		taken := owner.SignUp("taken", "correct horse")
		guest := owner.NewGuestNamed("gast")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		guest.JoinRoom(room.ID)
		m := guest.SendText(room.ID, "by the guest")
		owner.SendText(room.ID, "read")
		guest.Call("PUT", harness.RoomPath(room.ID)+"/read", models.ReadMark{MessageID: 2}).ExpectStatus(200)
		owner.SendText(room.ID, "unread")
		open := guest.OpenStream("")

		sign := models.NewUser{Username: "anna", Password: "correct horse"}
		guest.Call("POST", "/v1/users", models.NewUser{Username: "Taken", Password: "correct horse"}).
			ExpectProblem(409, models.CodeUsernameTaken)
		taken.Call("POST", "/v1/users", sign).ExpectProblem(403, models.CodeForbidden)
		anna := guest.WithToken("")
		guest.Call("POST", "/v1/users", sign, "Idempotency-Key", "once").ExpectStatus(201).Decode(&anna.Session)
		replayed := guest.Call("POST", "/v1/users", sign, "Idempotency-Key", "once").ExpectStatus(201)
		if replayed.Header("Idempotency-Replayed") != "true" {
			t.Error(replayed)
		}
		guest.Call("POST", "/v1/users", sign).ExpectProblem(403, models.CodeForbidden)

		u := anna.User
		if u.ID != guest.User.ID || u.Guest || u.Username != "anna" || u.DisplayName != "anna" ||
			u.CreatedAt != guest.User.CreatedAt {
			t.Errorf("the guest %+v became %+v", guest.User, u)
		}
		wantCounts(t, anna, room.ID, 3, 1)
		var now models.Message
		anna.Call("GET", harness.MessagePath(m), nil).ExpectStatus(200).Decode(&now)
		if now.Sender != u.Ref() || now.Text != m.Text {
			t.Errorf("the guest's message is %+v", now)
		}
		owner.SendText(room.ID, "after")
		open.Expect(models.EventMessageNotification, nil)
		if again := owner.LogInAs("anna", "correct horse"); again.User.ID != guest.User.ID {
			t.Errorf("logged in as %+v", again.User)
		}
		owner.NewGuestNamed("gast")
	})
}

// TestGuestUpgradesOnlyOnce lets a guest sign up under several names at once: exactly one sign-up succeeds.
func TestGuestUpgradesOnlyOnce(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		guest := harness.NewClient(t, s.URL).NewGuestNamed("gast")
		made := make(chan string, 4)
		var signing sync.WaitGroup
		for _, name := range []string{"anna", "bert", "cora", "dirk"} {
			signing.Go(func() {
				a := guest.Send("POST", "/v1/users", models.NewUser{Username: name, Password: "correct horse"})
				if a.HTTP.StatusCode == 201 {
					made <- name
				} else {
					a.ExpectProblem(403, models.CodeForbidden)
				}
			})
		}
		signing.Wait()
		if len(made) != 1 {
			t.Fatalf("got %d accounts from one guest, want 1", len(made))
		}
		var now models.User
		guest.Call("GET", "/v1/users/me", nil).ExpectStatus(200).Decode(&now)
		if name := <-made; now.Username != name || now.Guest {
			t.Errorf("got %+v, want the name %s", now, name)
		}
	})
}
