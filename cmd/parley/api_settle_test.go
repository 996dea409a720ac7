package main

import (
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestGuestBecomesAccount has a guest sign up with their token: the user is the same, with rooms, messages and read
// marks; the guest's stream goes on, and the account logs in with its password.
func TestGuestBecomesAccount(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		taken := owner.signUp("taken", "correct horse")
		guest := owner.guest("gast")
		room := owner.room(models.NewRoom{Name: ptr("room")})
		guest.join(room.ID)
		m := guest.say(room.ID, "of the guest")
		owner.say(room.ID, "read")
		guest.call("PUT", roomPath(room.ID)+"/read", models.ReadMark{MessageID: 2}).status(200)
		owner.say(room.ID, "unread")
		open := guest.open("")

		sign := models.NewUser{Username: "anna", Password: "correct horse"}
		guest.call("POST", "/v1/users", models.NewUser{Username: "Taken", Password: "correct horse"}).
			problem(409, models.CodeUsernameTaken)
		taken.call("POST", "/v1/users", sign).problem(403, models.CodeForbidden)
		anna := guest.as("")
		guest.call("POST", "/v1/users", sign, "Idempotency-Key", "once").status(201).into(&anna.Session)
		replayed := guest.call("POST", "/v1/users", sign, "Idempotency-Key", "once").status(201)
		if replayed.header("Idempotency-Replayed") != "true" {
			t.Error(replayed)
		}
		guest.call("POST", "/v1/users", sign).problem(403, models.CodeForbidden)

		u := anna.User
		if u.ID != guest.User.ID || u.Guest || u.Username != "anna" || u.DisplayName != "anna" || u.CreatedAt != guest.User.CreatedAt {
			t.Errorf("the guest %+v became %+v", guest.User, u)
		}
		wantCounts(t, anna, room.ID, 3, 1)
		var now models.Message
		anna.call("GET", messagePath(m), nil).status(200).into(&now)
		if now.Sender != u.Ref() || now.Text != m.Text {
			t.Errorf("the guest's message is %+v", now)
		}
		owner.say(room.ID, "after")
		open.expect(models.EventMessageNotification, nil)
		if again := owner.logInAs("anna", "correct horse"); again.User.ID != guest.User.ID {
			t.Errorf("logged in as %+v", again.User)
		}
		owner.guest("gast")
	})
}

// TestGuestBecomesOneAccount has a guest sign up under many names at once: one of them holds.
func TestGuestBecomesOneAccount(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		guest := newClient(t, s.url).guest("gast")
		made := make(chan string, 4)
		var signing sync.WaitGroup
		for _, name := range []string{"anna", "bert", "cora", "dirk"} {
			signing.Go(func() {
				a := guest.send("POST", "/v1/users", models.NewUser{Username: name, Password: "correct horse"})
				if a.response.StatusCode == 201 {
					made <- name
				} else {
					a.problem(403, models.CodeForbidden)
				}
			})
		}
		signing.Wait()
		if len(made) != 1 {
			t.Fatalf("%d accounts came of one guest", len(made))
		}
		var now models.User
		guest.call("GET", "/v1/users/me", nil).status(200).into(&now)
		if name := <-made; now.Username != name || now.Guest {
			t.Errorf("it is %+v, not %s", now, name)
		}
	})
}
