package main

import (
	"fmt"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestQuotas(t *testing.T) {
	play(t, []scenario{
		{"what is left is told", testLeftIsTold},
		{"tries at a password", testPasswordTries},
		{"requests of a user", testRequestsOfUser},
	})
}

// left reads what the answer says is left of a quota, and checks all that it says of it.
func (a *answer) left(name string, most int) int {
	a.t.Helper()
	policies := strings.Join(a.response.Header.Values("RateLimit-Policy"), ", ")
	if want := fmt.Sprintf("%q;q=%d;w=", name, most); !strings.Contains(policies, want) {
		a.t.Fatalf("%v\nhas the policies %s, not %s", a, policies, want)
	}
	for _, limit := range a.response.Header.Values("RateLimit") {
		var left, whole int
		if n, _ := fmt.Sscanf(limit, strconv.Quote(name)+";r=%d;t=%d", &left, &whole); n != 2 {
			continue
		}
		if left < 0 || left >= most || whole < 1 || whole > 3600 {
			a.t.Fatalf("%v\nhas the limit %s", a, limit)
		}
		return left
	}
	a.t.Fatalf("%v\nsays nothing of %s", a, name)
	return 0
}

// limited wants the answer to be the quota's refusal.
func (a *answer) limited() {
	a.t.Helper()
	a.problem(429, models.CodeRateLimited)
	if wait, err := strconv.Atoi(a.header("Retry-After")); err != nil || wait < 1 || wait > 3602 {
		a.t.Errorf("%v\nis to be tried again after %q", a, a.header("Retry-After"))
	}
}

func testLeftIsTold(t *testing.T, c *client) {
	me := c.newcomer("me")
	first := me.call("GET", "/v1/users/me", nil).status(200).left("requests", models.MaxRequestsPerMinute)
	for i, a := range []*answer{
		me.call("GET", "/v1/rooms/999999", nil).status(404), me.wrong("POST", "/v1/rooms", nil).status(400),
		me.call("GET", "/v1/users/me", nil, "Accept", "text/html").status(406),
	} {
		if got := a.left("requests", models.MaxRequestsPerMinute); got > first-i {
			t.Errorf("%v\nleaves %d, after %d", a, got, first)
		}
	}
	res := me.response("GET", "")
	_ = res.Body.Close()
	if got := res.Header.Get("RateLimit"); !strings.HasPrefix(got, `"requests";r=`) {
		t.Errorf("the stream's head says %q", got)
	}
	c.call("GET", "/v1/users/me", nil).problem(401, models.CodeUnauthenticated)
	if a := c.call("GET", "/healthz", nil).status(200); a.header("RateLimit") != "" {
		t.Errorf("the probe is counted: %q", a.header("RateLimit"))
	}
	wrong := models.Credentials{Username: me.User.Username, Password: "not the password"}
	a := c.call("POST", "/v1/sessions", wrong).problemAnswer(401, models.CodeBadCredentials)
	before := a.left("passwords", models.MaxWrongPasswords)
	wrong.Username = strings.ToUpper(wrong.Username)
	again := c.call("POST", "/v1/sessions", wrong).problemAnswer(401, models.CodeBadCredentials)
	if got := again.left("passwords", models.MaxWrongPasswords); got >= before {
		t.Errorf("in capitals, the name has %d tries left after %d", got, before)
	}
}

func (a *answer) problemAnswer(status int, code models.Code) *answer {
	a.t.Helper()
	a.problem(status, code)
	return a
}

// testPasswordTries guesses somebody's password in a session of theirs. Right ones are not counted.
func testPasswordTries(_ *testing.T, c *client) {
	me, other := c.account("me"), c.account("other")
	change := models.PasswordChange{CurrentPassword: "whatever it is", NewPassword: "something else"}
	for range models.MaxWrongPasswords {
		me.call("PUT", "/v1/users/me/password", change).problem(401, models.CodeBadCredentials)
	}
	me.call("PUT", "/v1/users/me/password", change).limited()
	me.call("GET", "/v1/users/me", nil).status(200)
	other.call("PUT", "/v1/users/me/password", change).problem(401, models.CodeBadCredentials)
	for range models.MaxWrongPasswords + 1 {
		c.call("POST", "/v1/sessions", models.Credentials{Username: other.User.Username, Password: password}).status(201)
	}
}

// testRequestsOfUser uses up a user's minute. The window slides: a try or two may still pass while the others are made.
func testRequestsOfUser(t *testing.T, c *client) {
	me, other := c.newcomer("me"), c.newcomer("other")
	var asking sync.WaitGroup
	for range 4 {
		asking.Go(func() {
			for range models.MaxRequestsPerMinute / 4 {
				me.send("GET", "/v1/users/me", nil)
			}
		})
	}
	asking.Wait()
	eventually(t, "the user has asked for too much", func() bool {
		return me.send("GET", "/v1/users/me", nil).response.StatusCode == 429
	})
	me.call("GET", "/v1/rooms", nil).limited()
	me.packed().call("GET", "/v1/rooms", nil).limited()
	me.call("GET", "/v1/events", nil, "Accept", "application/json").limited()
	me.send("GET", "/v1/events", nil).busy(models.BusyRateLimited)
	other.call("GET", "/v1/rooms", nil).status(200)
	c.call("GET", "/readyz", nil).status(200)
}

// TestNoQuotas switches the limits off: nothing is told of them, and a user has as many streams as they like.
func TestNoQuotas(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		me := newClient(t, startServer(t, database, "--rate-limit", "off").url).newcomer("me")
		a := me.call("GET", "/v1/users/me", nil).status(200)
		if a.header("RateLimit") != "" || a.header("RateLimit-Policy") != "" {
			t.Errorf("%v\nhas limits: %v", a, a.response.Header)
		}
		for range models.MaxStreamsPerUser + 1 {
			me.open("")
		}
	})
}
