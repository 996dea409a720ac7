package api

import (
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestPasswordChange changes a password. The user's other session and its stream end, the session of the request
// continues, and the old password is not valid any more.
func TestPasswordChange(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		const before, after = "correct horse", "battery staple"
		mine := harness.NewClient(t, s.URL).SignUp("anna", before)
		other := mine.LogInAs("anna", before)
		kept, ended := mine.OpenStream(""), other.OpenStream("")

		path := "/v1/users/me/password"
		mine.Call("PUT", path, models.PasswordChange{CurrentPassword: "wrong one", NewPassword: after}).
			ExpectProblem(401, models.CodeBadCredentials)
		mine.CallInvalid("PUT", path, models.PasswordChange{CurrentPassword: before, NewPassword: "short"}).
			ExpectProblem(400, models.CodeInvalidRequest)
		mine.NewGuestNamed("gast").Call("PUT", path, models.PasswordChange{CurrentPassword: before, NewPassword: after}).
			ExpectProblem(403, models.CodeForbidden)
		mine.Call("PUT", path, models.PasswordChange{CurrentPassword: before, NewPassword: after}).ExpectStatus(204)

		var revoked models.SessionRevoked
		ended.Expect(models.EventSessionRevoked, &revoked)
		if revoked.SessionID != other.SessionID || revoked.Reason != models.RevokedByChange {
			t.Errorf("got %+v", revoked)
		}
		ended.ExpectEnd()
		other.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
		other.WithToken("").Call("POST", "/v1/sessions/refresh", models.Refresh{RefreshToken: other.RefreshToken}).
			ExpectProblem(401, models.CodeSessionRevoked)
		mine.Call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: before}).
			ExpectProblem(401, models.CodeBadCredentials)
		mine.LogInAs("anna", after)
		mine.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		kept.Expect(models.EventRoomCreated, nil)
	})
}

// hashOfProduction is of "correct horse", at the cost that hashes have in production. A hash is checked at its own
// cost.
const hashOfProduction = "$argon2id$v=19$m=19456,t=2,p=1" +
	"$URM2ry4JzPLmjRLlXaju2w$hv9AJbwC4fpBYMb36SJlQyImL47bt6+4mphoTfnuJGs"

// TestPasswordChangeRace logs in with the old password while it is changed: no session of these logins outlives the
// change, and of two changes at once only one succeeds. Checking the password takes as long as in production, because
// the change happens during that time.
func TestPasswordChangeRace(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		const before = "correct horse"
		mine := harness.NewClient(t, s.URL).SignUp("anna", before)
		s.Stop()
		harness.Execute(t, database, "UPDATE users SET password_hash = '"+hashOfProduction+"' WHERE password_hash <> ''")
		s = harness.StartServer(t, database)
		mine = mine.AtServer(s.URL)
		var logins sync.WaitGroup
		var mu sync.Mutex
		var opened []*harness.Client
		for range 6 {
			logins.Go(func() {
				c := mine.WithToken("")
				a := c.Send("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: before})
				mu.Lock()
				defer mu.Unlock()
				if a.HTTP.StatusCode == 201 {
					a.Decode(&c.Session)
					opened = append(opened, c)
				} else {
					a.ExpectProblem(401, models.CodeBadCredentials)
				}
			})
		}
		changes := make(chan int, 2)
		for _, after := range []string{"battery staple", "staple battery"} {
			logins.Go(func() {
				a := mine.Send("PUT", "/v1/users/me/password", models.PasswordChange{CurrentPassword: before, NewPassword: after})
				changes <- a.HTTP.StatusCode
			})
		}
		logins.Wait()
		if a, b := <-changes, <-changes; a+b != 204+401 {
			t.Errorf("two changes at once: got the statuses %d and %d, want 204 and 401", a, b)
		}
		for _, c := range opened {
			c.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
		}
	})
}
