package api

import (
	"net/http"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestSessions(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "refresh", Run: testRefresh},
		{Name: "a reused refresh token", Run: testReusedRefreshToken},
		{Name: "a lost response to a refresh", Run: testRepeatedRefreshReturnsSuccessor},
		{Name: "many refreshes with one token at once", Run: testRefreshRace},
		{Name: "refresh by cookie", Run: testRefreshCookie},
		{Name: "the cookie's Origin", Run: testRefreshOrigin},
		{Name: "list", Run: testSessionList},
		{Name: "logout", Run: testLogOut},
		{Name: "no login providers", Run: testNoAuthProviders},
	}, "--cors-origins", "https://chat.example")
}

func testRefresh(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	var next models.Session
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectStatus(200).Decode(&next)
	if next.SessionID != me.SessionID || next.User != me.User || next.RefreshToken == me.RefreshToken ||
		next.RefreshToken == "" {
		t.Errorf("got %+v after %+v", next, me.Session)
	}
	me.Call("GET", "/v1/users/me", nil).ExpectStatus(200) // the older access token is valid for its 15 minutes
	me.WithToken(next.AccessToken).Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(next.RefreshToken)).ExpectStatus(200)
	for _, unknown := range []string{"prt_nonsense", "x", next.AccessToken[:200]} {
		c.Call("POST", harness.RefreshPath, harness.RefreshBody(unknown)).ExpectProblem(401, models.CodeUnauthenticated)
	}
	c.Call("POST", harness.RefreshPath, harness.RefreshBody("")).ExpectProblem(401, models.CodeUnauthenticated)
}

// testRepeatedRefreshReturnsSuccessor checks that a spent refresh token returns the same successor again, in the body
// or as a cookie, until the successor is used. A logout ends that.
func testRepeatedRefreshReturnsSuccessor(t *testing.T, c *harness.Client) {
	me := c.NewAccount("ada") // a logout does not delete an account, unlike a guest
	var first, again models.Session
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectStatus(200).Decode(&first)
	for _, key := range []string{"1", "2"} {
		c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken), harness.IdempotencyKey, key).
			ExpectStatus(200).Decode(&again)
		if again.RefreshToken != first.RefreshToken || again.SessionID != me.SessionID || again.User.ID != me.User.ID {
			t.Errorf("got %+v after %+v", again, first)
		}
		me.WithToken(again.AccessToken).Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	}
	spent := "parley_refresh=" + me.RefreshToken
	for _, a := range []*harness.Response{
		c.Call("POST", harness.RefreshPath, models.Refresh{RefreshToken: me.RefreshToken, Cookie: true}),
		c.Call("POST", harness.RefreshPath, models.Refresh{}, "Cookie", spent, "Origin", c.URL),
	} {
		if _, pair := expectSessionCookie(a.ExpectStatus(200)); pair != "parley_refresh="+first.RefreshToken {
			t.Errorf("got the cookie %s, want %s", pair, first.RefreshToken)
		}
	}
	me.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	for _, ended := range []string{me.RefreshToken, first.RefreshToken} {
		c.Call("POST", harness.RefreshPath, harness.RefreshBody(ended)).ExpectProblem(401, models.CodeSessionRevoked)
	}
}

// testReusedRefreshToken checks that a refresh token that is used after its successor revokes the session: two clients
// have the token, so one of them may be a thief.
func testReusedRefreshToken(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	s := me.OpenStream("")
	var next models.Session
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectStatus(200).Decode(&next)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(next.RefreshToken)).ExpectStatus(200).Decode(&next)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectProblem(401, models.CodeSessionRevoked)

	var revoked models.SessionRevoked
	s.Expect(models.EventSessionRevoked, &revoked)
	if revoked != (models.SessionRevoked{SessionID: me.SessionID, Reason: models.RevokedByReuse}) {
		t.Errorf("got %+v", revoked)
	}
	s.ExpectEnd()
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(next.RefreshToken)).
		ExpectProblem(401, models.CodeSessionRevoked)
	for _, token := range []string{me.AccessToken, next.AccessToken} {
		me.WithToken(token).Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
	}
}

func testRefreshRace(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	const calls = 20
	var mu sync.Mutex
	outcomes := map[string]int{}
	var all sync.WaitGroup
	for range calls {
		all.Go(func() {
			a, err := c.TryCall(t.Context(), "POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken))
			if err != nil {
				t.Error(err)
				return
			}
			var next models.Session
			if a.HTTP.StatusCode == 200 {
				a.Decode(&next)
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[next.RefreshToken]++
		})
	}
	all.Wait()
	if len(outcomes) != 1 || outcomes[""] != 0 {
		t.Errorf("got these refresh tokens, with their numbers: %v", outcomes)
	}
	me.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
}

// expectSessionCookie checks that the refresh token of a session is in a cookie alone, which scripts cannot read. It
// returns the session, and the cookie as name=value.
func expectSessionCookie(a *harness.Response) (s models.Session, pair string) {
	a.T.Helper()
	a.Decode(&s)
	if s.RefreshToken != "" {
		a.T.Errorf("%v\nhas the refresh token in the body", a)
	}
	k := a.Cookie("parley_refresh")
	if k.Value == "" || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/v1/sessions" ||
		k.MaxAge != 30*24*3600 || k.Domain != "" {
		a.T.Errorf("got the cookie %q", k)
	}
	return s, k.Name + "=" + k.Value
}

func testRefreshCookie(t *testing.T, c *harness.Client) {
	a := c.Call("POST", "/v1/users",
		models.NewUser{Username: harness.UniqueName("ada"), Password: harness.Password, Cookie: true}).ExpectStatus(201)
	session, pair := expectSessionCookie(a)
	if a.Cookie("parley_refresh").Secure {
		t.Error("the cookie has Secure, so that browsers would not send it over plain HTTP")
	}
	a = c.Call("POST", "/v1/sessions",
		models.Credentials{Username: session.User.Username, Password: harness.Password, Cookie: true},
		"X-Forwarded-Proto", "https").ExpectStatus(201)
	expectSessionCookie(a)
	if !a.Cookie("parley_refresh").Secure {
		t.Error("the cookie of a session over TLS has no Secure")
	}
	next, nextPair := expectSessionCookie(c.Call("POST", harness.RefreshPath, models.Refresh{}, "Cookie", pair, "Origin",
		c.URL).ExpectStatus(200))
	if next.SessionID != session.SessionID || nextPair == pair {
		t.Errorf("got %+v in %s after %+v in %s", next, nextPair, session, pair)
	}
	// The body is optional.
	_, nextPair = expectSessionCookie(c.CallInvalid("POST", harness.RefreshPath, nil, "Cookie", nextPair, "Origin", c.URL).
		ExpectStatus(200))
	_, nextPair = expectSessionCookie(c.Call("POST", harness.RefreshPath, models.Refresh{}, "Cookie", nextPair, "Origin",
		c.URL).ExpectStatus(200))
	c.Call("POST", harness.RefreshPath, models.Refresh{}, "Cookie", pair, "Origin", c.URL).
		ExpectProblem(401, models.CodeSessionRevoked)
	c.Call("POST", harness.RefreshPath, models.Refresh{}, "Cookie", nextPair, "Origin", c.URL).
		ExpectProblem(401, models.CodeSessionRevoked)

	// A session with its token in the body moves to the cookie.
	mine := c.NewGuest("grace")
	expectSessionCookie(c.Call("POST", harness.RefreshPath, models.Refresh{RefreshToken: mine.RefreshToken, Cookie: true}).
		ExpectStatus(200))
}

func testRefreshOrigin(_ *testing.T, c *harness.Client) {
	_, pair := expectSessionCookie(c.Call("POST", "/v1/sessions",
		map[string]any{"username": harness.UniqueName("ada"), "guest": true, "cookie": true}).ExpectStatus(201))
	for _, origin := range []string{
		"", "null", "https://evil.example", "https://chat.example.evil.example", "http://chat.example", "//", "%",
	} {
		headers := []string{"Cookie", pair}
		if origin != "" {
			headers = append(headers, "Origin", origin)
		}
		c.Call("POST", harness.RefreshPath, models.Refresh{}, headers...).ExpectProblem(401, models.CodeUnauthenticated)
	}
	// None of those requests used up the token.
	_, pair = expectSessionCookie(c.Call("POST", harness.RefreshPath, models.Refresh{}, "Cookie", pair, "Origin", c.URL).
		ExpectStatus(200))
	expectSessionCookie(c.Call("POST", harness.RefreshPath, models.Refresh{}, "Cookie", pair, "Origin",
		"https://chat.example").ExpectStatus(200))
}

func testSessionList(t *testing.T, c *harness.Client) {
	first := c.NewAccount("ada")
	second, third := first.LogIn(), first.LogIn()
	stranger := c.NewGuest("eve")

	var ids []string
	newest := models.Now()
	for _, page := range harness.AllPages[models.SessionInfo](second, "/v1/sessions?limit=1") {
		if len(page) != 1 {
			t.Fatalf("got %d items on a page of one", len(page))
		}
		s := page[0]
		ids = append(ids, s.ID)
		if s.Current != (s.ID == second.SessionID) || s.IP != "127.0.0.1" || s.UserAgent != "Go-http-client/1.1" ||
			s.LastUsedAt.Before(s.CreatedAt.Time) {
			t.Errorf("got %+v", s)
		}
		if s.CreatedAt.After(newest.Time) {
			t.Errorf("an older session is listed before %+v", s)
		}
		newest = s.CreatedAt
	}
	wanted := map[string]bool{first.SessionID: true, second.SessionID: true, third.SessionID: true}
	for _, id := range ids {
		if !wanted[id] {
			t.Errorf("%s is not one of the sessions, or is listed twice", id)
		}
		delete(wanted, id)
	}
	if len(wanted) > 0 {
		t.Errorf("sessions not in the list: %v", wanted)
	}

	stranger.Call("DELETE", "/v1/sessions/"+first.SessionID, nil).ExpectStatus(204) // none of theirs, so nothing ends
	first.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	first.Call("DELETE", "/v1/sessions/"+third.SessionID, nil).ExpectStatus(204)
	first.Call("DELETE", "/v1/sessions/"+third.SessionID, nil).ExpectStatus(204)
	first.Call("DELETE", "/v1/sessions/unknown", nil).ExpectStatus(204)
	third.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(third.RefreshToken)).
		ExpectProblem(401, models.CodeSessionRevoked)
	if left := harness.Get[models.Page[models.SessionInfo]](first, "/v1/sessions").Items; len(left) != 2 {
		t.Errorf("got the remaining sessions %+v", left)
	}
	second.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
}

// testLogOut checks that logging out the current session also removes its cookies.
func testLogOut(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	a := me.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	for _, name := range []string{"parley_refresh", "parley_events"} {
		if k := a.Cookie(name); k.Value != "" || k.MaxAge >= 0 {
			t.Errorf("got the cookie %q, want it removed", k)
		}
	}
	me.Call("DELETE", "/v1/sessions/current", nil).ExpectProblem(401, models.CodeSessionRevoked)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectProblem(401, models.CodeSessionRevoked)
}

// testNoAuthProviders checks that a server without login providers in its settings lists none, and has none of their
// routes.
func testNoAuthProviders(_ *testing.T, c *harness.Client) {
	c.WithoutToken().Call("GET", "/v1/auth/providers", nil).ExpectStatus(200).ExpectBody(map[string]any{"items": []any{}})
	c.WithoutToken().Call("GET", "/v1/auth/github", nil).ExpectProblem(404, models.CodeNotFound)
	c.WithoutToken().Call("GET", "/v1/auth/github/callback?code=a&state=b", nil).ExpectProblem(404, models.CodeNotFound)
}
