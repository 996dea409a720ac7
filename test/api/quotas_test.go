package api

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestQuotas(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "what is left is told", Play: testLeftIsTold},
		{Name: "tries at a password", Play: testPasswordTries},
		{Name: "requests of a user", Play: testRequestsOfUser},
	})
}

// remainingQuota reads what the answer says is left of a quota, and checks all that it says of it.
func remainingQuota(a *harness.Response, name string, most int) int {
	a.T.Helper()
	policies := strings.Join(a.HTTP.Header.Values("RateLimit-Policy"), ", ")
	if want := fmt.Sprintf("%q;q=%d;w=", name, most); !strings.Contains(policies, want) {
		a.T.Fatalf("%v\nhas the policies %s, not %s", a, policies, want)
	}
	for _, limit := range a.HTTP.Header.Values("RateLimit") {
		var left, whole int
		if n, _ := fmt.Sscanf(limit, strconv.Quote(name)+";r=%d;t=%d", &left, &whole); n != 2 {
			continue
		}
		if left < 0 || left >= most || whole < 1 || whole > 3600 {
			a.T.Fatalf("%v\nhas the limit %s", a, limit)
		}
		return left
	}
	a.T.Fatalf("%v\nsays nothing of %s", a, name)
	return 0
}

// expectLimited wants the answer to be the quota's refusal.
func expectLimited(a *harness.Response) {
	a.T.Helper()
	a.ExpectProblem(429, models.CodeRateLimited)
	if wait, err := strconv.Atoi(a.Header("Retry-After")); err != nil || wait < 1 || wait > 3602 {
		a.T.Errorf("%v\nis to be tried again after %q", a, a.Header("Retry-After"))
	}
}

func testLeftIsTold(t *testing.T, c *harness.Client) {
	me := c.NewGuest("me")
	first := remainingQuota(me.Call("GET", "/v1/users/me", nil).ExpectStatus(200), "requests", models.MaxRequestsPerMinute)
	for i, a := range []*harness.Response{
		me.Call("GET", "/v1/rooms/999999", nil).ExpectStatus(404), me.CallInvalid("POST", "/v1/rooms", nil).ExpectStatus(400),
		me.Call("GET", "/v1/users/me", nil, "Accept", "text/html").ExpectStatus(406),
	} {
		if got := remainingQuota(a, "requests", models.MaxRequestsPerMinute); got > first-i {
			t.Errorf("%v\nleaves %d, after %d", a, got, first)
		}
	}
	res := me.OpenResponse("GET", "")
	_ = res.Body.Close()
	if got := res.Header.Get("RateLimit"); !strings.HasPrefix(got, `"requests";r=`) {
		t.Errorf("the stream's head says %q", got)
	}
	c.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
	if a := c.Call("GET", "/healthz", nil).ExpectStatus(200); a.Header("RateLimit") != "" {
		t.Errorf("the probe is counted: %q", a.Header("RateLimit"))
	}
	wrong := models.Credentials{Username: me.User.Username, Password: "not the password"}
	a := problemAnswer(c.Call("POST", "/v1/sessions", wrong), 401, models.CodeBadCredentials)
	before := remainingQuota(a, "passwords", models.MaxWrongPasswords)
	wrong.Username = strings.ToUpper(wrong.Username)
	again := problemAnswer(c.Call("POST", "/v1/sessions", wrong), 401, models.CodeBadCredentials)
	if got := remainingQuota(again, "passwords", models.MaxWrongPasswords); got >= before {
		t.Errorf("in capitals, the name has %d tries left after %d", got, before)
	}
}

func problemAnswer(a *harness.Response, status int, code models.Code) *harness.Response {
	a.T.Helper()
	a.ExpectProblem(status, code)
	return a
}

// testPasswordTries guesses somebody's password in a session of theirs. Right ones are not counted.
func testPasswordTries(_ *testing.T, c *harness.Client) {
	me, other := c.NewAccount("me"), c.NewAccount("other")
	change := models.PasswordChange{CurrentPassword: "whatever it is", NewPassword: "something else"}
	for range models.MaxWrongPasswords {
		me.Call("PUT", "/v1/users/me/password", change).ExpectProblem(401, models.CodeBadCredentials)
	}
	expectLimited(me.Call("PUT", "/v1/users/me/password", change))
	me.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	other.Call("PUT", "/v1/users/me/password", change).ExpectProblem(401, models.CodeBadCredentials)
	for range models.MaxWrongPasswords + 1 {
		c.Call("POST", "/v1/sessions", models.Credentials{Username: other.User.Username, Password: harness.Password}).ExpectStatus(201)
	}
}

// testRequestsOfUser uses up a user's minute. The window slides: a try or two may still pass while the others are made.
func testRequestsOfUser(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("me"), c.NewGuest("other")
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range models.MaxRequestsPerMinute / 4 {
				me.Send("GET", "/v1/users/me", nil)
			}
		})
	}
	asking.Wait()
	harness.Eventually(t, "the user has asked for too much", func() bool {
		return me.Send("GET", "/v1/users/me", nil).HTTP.StatusCode == 429
	})
	expectLimited(me.Call("GET", "/v1/rooms", nil))
	expectLimited(me.WithMessagePack().Call("GET", "/v1/rooms", nil))
	expectLimited(me.Call("GET", "/v1/events", nil, "Accept", "application/json"))
	me.Send("GET", "/v1/events", nil).ExpectBusy(models.BusyRateLimited)
	other.Call("GET", "/v1/rooms", nil).ExpectStatus(200)
	c.Call("GET", "/readyz", nil).ExpectStatus(200)
}

// TestNoQuotas switches the limits off: nothing is told of them, and a user has as many streams as they like.
func TestNoQuotas(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		me := harness.NewClient(t, harness.StartServer(t, database, "--rate-limit", "off").URL).NewGuest("me")
		a := me.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
		if a.Header("RateLimit") != "" || a.Header("RateLimit-Policy") != "" {
			t.Errorf("%v\nhas limits: %v", a, a.HTTP.Header)
		}
		for range models.MaxStreamsPerUser + 1 {
			me.OpenReadyStream("")
		}
	})
}
