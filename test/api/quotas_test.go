package api

import (
	"fmt"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/cmd/parley/server"
	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestQuotas(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "the remaining quota", Run: testRemainingQuota},
		{Name: "wrong passwords", Run: testWrongPasswordsOfUser},
	})
}

// remainingQuota returns what remains of a quota according to the response, and checks the headers of that quota.
func remainingQuota(a *harness.Response, name string, most int) int {
	a.T.Helper()
	policies := strings.Join(a.HTTP.Header.Values("RateLimit-Policy"), ", ")
	if want := fmt.Sprintf("%q;q=%d;w=", name, most); !strings.Contains(policies, want) {
		a.T.Fatalf("%v\ngot the policies %s, want %s", a, policies, want)
	}
	for _, limit := range a.HTTP.Header.Values("RateLimit") {
		var left, seconds int
		if n, _ := fmt.Sscanf(limit, strconv.Quote(name)+";r=%d;t=%d", &left, &seconds); n != 2 {
			continue
		}
		if left < 0 || left >= most || seconds < 1 || seconds > 3600 {
			a.T.Fatalf("%v\ngot the limit %s", a, limit)
		}
		return left
	}
	a.T.Fatalf("%v\nhas no limit %s", a, name)
	return 0
}

// expectLimited checks that the response is a refusal because of a quota.
func expectLimited(a *harness.Response) {
	a.T.Helper()
	a.ExpectProblem(429, models.CodeRateLimited)
	if wait, err := strconv.Atoi(a.Header("Retry-After")); err != nil || wait < 1 || wait > 3602 {
		a.T.Errorf("%v\ngot Retry-After %q", a, a.Header("Retry-After"))
	}
}

func testRemainingQuota(t *testing.T, c *harness.Client) {
	me := c.NewGuest("me")
	first := remainingQuota(me.Call("GET", "/v1/users/me", nil).ExpectStatus(200), "requests", models.MaxRequestsPerMinute)
	for i, a := range []*harness.Response{
		me.Call("GET", "/v1/rooms/999999", nil).ExpectStatus(404), me.CallInvalid("POST", "/v1/rooms", nil).ExpectStatus(400),
		me.Call("GET", "/v1/users/me", nil, "Accept", "text/html").ExpectStatus(406),
	} {
		if got := remainingQuota(a, "requests", models.MaxRequestsPerMinute); got > first-i {
			t.Errorf("%v\ngot %d remaining requests after %d", a, got, first)
		}
	}
	res := me.OpenResponse("GET", "")
	_ = res.Body.Close()
	if got := res.Header.Get("RateLimit"); !strings.HasPrefix(got, `"requests";r=`) {
		t.Errorf("the stream: got RateLimit %q", got)
	}
	c.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
	if a := c.Call("GET", "/healthz", nil).ExpectStatus(200); a.Header("RateLimit") != "" {
		t.Errorf("the probe was counted: got RateLimit %q", a.Header("RateLimit"))
	}
	wrong := models.Credentials{Username: me.User.Username, Password: "not the password"}
	a := expectProblem(c.Call("POST", "/v1/sessions", wrong), 401, models.CodeBadCredentials)
	before := remainingQuota(a, "passwords", models.MaxWrongPasswords)
	wrong.Username = strings.ToUpper(wrong.Username)
	again := expectProblem(c.Call("POST", "/v1/sessions", wrong), 401, models.CodeBadCredentials)
	if got := remainingQuota(again, "passwords", models.MaxWrongPasswords); got >= before {
		t.Errorf("the name in capitals has %d remaining attempts after %d", got, before)
	}
}

// expectProblem checks that the response is a problem, and returns it.
func expectProblem(a *harness.Response, status int, code models.Code) *harness.Response {
	a.T.Helper()
	a.ExpectProblem(status, code)
	return a
}

// testWrongPasswordsOfUser guesses a user's password in their own session. Right passwords are not counted.
func testWrongPasswordsOfUser(_ *testing.T, c *harness.Client) {
	me, other := c.NewAccount("me"), c.NewAccount("other")
	change := models.PasswordChange{CurrentPassword: "whatever it is", NewPassword: "something else"}
	for range models.MaxWrongPasswords {
		me.Call("PUT", "/v1/users/me/password", change).ExpectProblem(401, models.CodeBadCredentials)
	}
	expectLimited(me.Call("PUT", "/v1/users/me/password", change))
	me.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	other.Call("PUT", "/v1/users/me/password", change).ExpectProblem(401, models.CodeBadCredentials)
	for range models.MaxWrongPasswords + 1 {
		c.Call("POST", "/v1/sessions", models.Credentials{Username: other.User.Username, Password: harness.Password}).
			ExpectStatus(201)
	}
}

// fewRequests are what a user may make in a minute where a test uses them up. A loaded machine may not manage the
// contract's in a minute.
const fewRequests = 60

func withFewRequests(c *server.Config) { c.RequestsPerMinute = fewRequests }

// TestRequestQuota uses up a user's requests of a minute.
func TestRequestQuota(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		c := harness.NewClient(t, harness.StartServerWith(t, database, withFewRequests).URL)
		testRequestsOfUser(t, c)
	})
}

func testRequestsOfUser(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("me"), c.NewGuest("other")
	harness.Eventually(t, "the user has reached the limit", func() bool {
		return me.Send("GET", "/v1/users/me", nil).HTTP.StatusCode == 429
	})
	expectLimited(me.Call("GET", "/v1/rooms", nil))
	expectLimited(me.WithMessagePack().Call("GET", "/v1/rooms", nil))
	expectLimited(me.Call("GET", "/v1/events/log", nil))
	me.Send("GET", "/v1/events", nil).ExpectBusy(models.BusyRateLimited)
	other.Call("GET", "/v1/rooms", nil).ExpectStatus(200)
	c.Call("GET", "/readyz", nil).ExpectStatus(200)
}

// TestRateLimitOff switches the limits off: responses have no headers of limits, and a user can have more streams.
func TestRateLimitOff(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		me := harness.NewClient(t, harness.StartServer(t, database, "--rate-limit", "off").URL).NewGuest("me")
		a := me.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
		if a.Header("RateLimit") != "" || a.Header("RateLimit-Policy") != "" {
			t.Errorf("%v\ngot the headers of limits: %v", a, a.HTTP.Header)
		}
		for range models.MaxStreamsPerUser + 1 {
			me.OpenStream("")
		}
	})
}
