package main

import (
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// signUp is a client of its own for a new account.
func (c *client) signUp(name, password string) *client {
	c.t.Helper()
	a := c.as("")
	a.call("POST", "/v1/users", models.NewUser{Username: name, Password: password}).status(201).into(&a.Session)
	return a
}

// logInAs is a further session of an account.
func (c *client) logInAs(name, password string) *client {
	c.t.Helper()
	a := c.as("")
	a.call("POST", "/v1/sessions", models.Credentials{Username: name, Password: password}).status(201).into(&a.Session)
	return a
}

// TestPasswordChange changes a password: the other session and its stream end, the one that asked goes on, and the old
// password opens nothing any more.
func TestPasswordChange(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		const before, after = "correct horse", "battery staple"
		mine := newClient(t, s.url).signUp("anna", before)
		other := mine.logInAs("anna", before)
		kept, ended := mine.open(""), other.open("")

		path := "/v1/users/me/password"
		mine.call("PUT", path, models.PasswordChange{CurrentPassword: "wrong one", NewPassword: after}).
			problem(401, models.CodeBadCredentials)
		mine.wrong("PUT", path, models.PasswordChange{CurrentPassword: before, NewPassword: "short"}).
			problem(400, models.CodeInvalidRequest)
		mine.guest("gast").call("PUT", path, models.PasswordChange{CurrentPassword: before, NewPassword: after}).
			problem(403, models.CodeForbidden)
		mine.call("PUT", path, models.PasswordChange{CurrentPassword: before, NewPassword: after}).status(204)

		var revoked models.SessionRevoked
		ended.expect(models.EventSessionRevoked, &revoked)
		if revoked.SessionID != other.SessionID || revoked.Reason != models.RevokedByChange {
			t.Errorf("got %+v", revoked)
		}
		ended.end()
		other.call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)
		other.as("").call("POST", "/v1/sessions/refresh", models.Refresh{RefreshToken: other.RefreshToken}).
			problem(401, models.CodeSessionRevoked)
		mine.call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: before}).
			problem(401, models.CodeBadCredentials)
		mine.logInAs("anna", after)
		mine.room(models.NewRoom{Name: ptr("room")})
		kept.expect(models.EventRoomCreated, nil)
	})
}

// hashOfProduction is of "correct horse", at the cost that hashes have in production. A hash is checked at its own cost.
const hashOfProduction = "$argon2id$v=19$m=19456,t=2,p=1$URM2ry4JzPLmjRLlXaju2w$hv9AJbwC4fpBYMb36SJlQyImL47bt6+4mphoTfnuJGs"

// TestPasswordChangeRace logs in with the old password while it is changed: no session that came of it outlives the
// change, and of two changes at once only one holds. To check the password takes as long as in production here: that is the
// time in which the change comes between.
func TestPasswordChangeRace(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		const before = "correct horse"
		mine := newClient(t, s.url).signUp("anna", before)
		s.halt()
		execute(t, database, "UPDATE users SET password_hash = '"+hashOfProduction+"' WHERE password_hash <> ''")
		s = startServer(t, database)
		mine = mine.at(s.url)
		var logins sync.WaitGroup
		var mu sync.Mutex
		var opened []*client
		for range 6 {
			logins.Go(func() {
				c := mine.as("")
				a := c.send("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: before})
				mu.Lock()
				defer mu.Unlock()
				if a.response.StatusCode == 201 {
					a.into(&c.Session)
					opened = append(opened, c)
				} else {
					a.problem(401, models.CodeBadCredentials)
				}
			})
		}
		changes := make(chan int, 2)
		for _, after := range []string{"battery staple", "staple battery"} {
			logins.Go(func() {
				a := mine.send("PUT", "/v1/users/me/password", models.PasswordChange{CurrentPassword: before, NewPassword: after})
				changes <- a.response.StatusCode
			})
		}
		logins.Wait()
		if a, b := <-changes, <-changes; a+b != 204+401 {
			t.Errorf("two changes at once were answered %d and %d", a, b)
		}
		for _, c := range opened {
			c.call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)
		}
	})
}
