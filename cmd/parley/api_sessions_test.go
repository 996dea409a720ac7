package main

import (
	"net/http"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestSessions(t *testing.T) {
	play(t, []scenario{
		{"refresh", testRefresh},
		{"a spent refresh token", testSpentRefresh},
		{"a lost answer to a refresh", testRepeatedRefresh},
		{"one refresh token, used by many at once", testRefreshRace},
		{"refresh by cookie", testRefreshCookie},
		{"the cookie's Origin", testRefreshOrigin},
		{"list", testSessionList},
		{"log-out", testLogOut},
		{"social networks", testNoAuthProviders},
	}, "--cors-origins", "https://chat.example")
}

const refreshPath = "/v1/sessions/refresh"

func refresh(token string) models.Refresh { return models.Refresh{RefreshToken: token} }

func testRefresh(t *testing.T, c *client) {
	me := c.newcomer("ada")
	var next models.Session
	c.call("POST", refreshPath, refresh(me.RefreshToken)).status(200).into(&next)
	if next.SessionID != me.SessionID || next.User != me.User || next.RefreshToken == me.RefreshToken || next.RefreshToken == "" {
		t.Errorf("got %+v after %+v", next, me.Session)
	}
	me.call("GET", "/v1/users/me", nil).status(200) // the older access token lives its 15 minutes
	me.as(next.AccessToken).call("GET", "/v1/users/me", nil).status(200)
	c.call("POST", refreshPath, refresh(next.RefreshToken)).status(200)
	for _, unknown := range []string{"prt_nonsense", "x", next.AccessToken[:200]} {
		c.call("POST", refreshPath, refresh(unknown)).problem(401, models.CodeUnauthenticated)
	}
	c.call("POST", refreshPath, refresh("")).problem(401, models.CodeUnauthenticated)
}

// testRepeatedRefresh: until the successor is traded, who sends the spent token again gets the same one, in the body or as a
// cookie. A log-out ends that.
func testRepeatedRefresh(t *testing.T, c *client) {
	me := c.account("ada") // whom a log-out leaves there, unlike a guest
	var first, again models.Session
	c.call("POST", refreshPath, refresh(me.RefreshToken)).status(200).into(&first)
	for _, key := range []string{"1", "2"} {
		c.call("POST", refreshPath, refresh(me.RefreshToken), idempotencyKey, key).status(200).into(&again)
		if again.RefreshToken != first.RefreshToken || again.SessionID != me.SessionID || again.User.ID != me.User.ID {
			t.Errorf("got %+v after %+v", again, first)
		}
		me.as(again.AccessToken).call("GET", "/v1/users/me", nil).status(200)
	}
	spent := "parley_refresh=" + me.RefreshToken
	for _, a := range []*answer{
		c.call("POST", refreshPath, models.Refresh{RefreshToken: me.RefreshToken, Cookie: true}),
		c.call("POST", refreshPath, models.Refresh{}, "Cookie", spent, "Origin", c.url),
	} {
		if _, pair := a.status(200).inCookie(); pair != "parley_refresh="+first.RefreshToken {
			t.Errorf("the cookie is %s, not %s", pair, first.RefreshToken)
		}
	}
	me.call("DELETE", "/v1/sessions/current", nil).status(204)
	for _, ended := range []string{me.RefreshToken, first.RefreshToken} {
		c.call("POST", refreshPath, refresh(ended)).problem(401, models.CodeSessionRevoked)
	}
}

// testSpentRefresh: a refresh token that comes again after its successor is in two hands, and neither may go on.
func testSpentRefresh(t *testing.T, c *client) {
	me := c.newcomer("ada")
	s := me.open("")
	var next models.Session
	c.call("POST", refreshPath, refresh(me.RefreshToken)).status(200).into(&next)
	c.call("POST", refreshPath, refresh(next.RefreshToken)).status(200).into(&next)
	c.call("POST", refreshPath, refresh(me.RefreshToken)).problem(401, models.CodeSessionRevoked)

	var revoked models.SessionRevoked
	s.expect(models.EventSessionRevoked, &revoked)
	if revoked != (models.SessionRevoked{SessionID: me.SessionID, Reason: models.RevokedByReuse}) {
		t.Errorf("got %+v", revoked)
	}
	s.end()
	c.call("POST", refreshPath, refresh(next.RefreshToken)).problem(401, models.CodeSessionRevoked)
	for _, token := range []string{me.AccessToken, next.AccessToken} {
		me.as(token).call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)
	}
}

func testRefreshRace(t *testing.T, c *client) {
	me := c.newcomer("ada")
	const calls = 20
	var mu sync.Mutex
	outcomes := map[string]int{}
	var all sync.WaitGroup
	for range calls {
		all.Go(func() {
			a, err := c.try(t.Context(), "POST", refreshPath, refresh(me.RefreshToken))
			if err != nil {
				t.Error(err)
				return
			}
			var next models.Session
			if a.response.StatusCode == 200 {
				a.into(&next)
			}
			mu.Lock()
			defer mu.Unlock()
			outcomes[next.RefreshToken]++
		})
	}
	all.Wait()
	if len(outcomes) != 1 || outcomes[""] != 0 {
		t.Errorf("refresh tokens and how often they came: %v", outcomes)
	}
	me.call("GET", "/v1/users/me", nil).status(200)
}

// cookie is the cookie that the answer sets.
func (a *answer) cookie(name string) *http.Cookie {
	a.t.Helper()
	for _, c := range a.response.Cookies() {
		if c.Name == name {
			return c
		}
	}
	a.t.Fatalf("%v\nsets no cookie %s", a, name)
	return nil
}

// inCookie wants a session whose refresh token came as a cookie, out of reach of scripts.
func (a *answer) inCookie() (s models.Session, pair string) {
	a.t.Helper()
	a.into(&s)
	if s.RefreshToken != "" {
		a.t.Errorf("%v\nshows the refresh token", a)
	}
	k := a.cookie("parley_refresh")
	if k.Value == "" || !k.HttpOnly || k.SameSite != http.SameSiteStrictMode || k.Path != "/v1/sessions" || k.MaxAge != 30*24*3600 || k.Domain != "" {
		a.t.Errorf("the cookie is %q", k)
	}
	return s, k.Name + "=" + k.Value
}

func testRefreshCookie(t *testing.T, c *client) {
	a := c.call("POST", "/v1/users", models.NewUser{Username: unique("ada"), Password: password, Cookie: true}).status(201)
	session, pair := a.inCookie()
	if a.cookie("parley_refresh").Secure {
		t.Error("the cookie would not come back over plain HTTP")
	}
	a = c.call("POST", "/v1/sessions", models.Credentials{Username: session.User.Username, Password: password, Cookie: true},
		"X-Forwarded-Proto", "https").status(201)
	a.inCookie()
	if !a.cookie("parley_refresh").Secure {
		t.Error("the cookie of a session over TLS is sent without TLS too")
	}
	next, nextPair := c.call("POST", refreshPath, models.Refresh{}, "Cookie", pair, "Origin", c.url).status(200).inCookie()
	if next.SessionID != session.SessionID || nextPair == pair {
		t.Errorf("got %+v in %s after %+v in %s", next, nextPair, session, pair)
	}
	// The body may be left out altogether.
	_, nextPair = c.wrong("POST", refreshPath, nil, "Cookie", nextPair, "Origin", c.url).status(200).inCookie()
	_, nextPair = c.call("POST", refreshPath, models.Refresh{}, "Cookie", nextPair, "Origin", c.url).status(200).inCookie()
	c.call("POST", refreshPath, models.Refresh{}, "Cookie", pair, "Origin", c.url).problem(401, models.CodeSessionRevoked)
	c.call("POST", refreshPath, models.Refresh{}, "Cookie", nextPair, "Origin", c.url).problem(401, models.CodeSessionRevoked)

	// A session with its token in the body moves to the cookie.
	mine := c.newcomer("grace")
	c.call("POST", refreshPath, models.Refresh{RefreshToken: mine.RefreshToken, Cookie: true}).status(200).inCookie()
}

func testRefreshOrigin(_ *testing.T, c *client) {
	_, pair := c.call("POST", "/v1/sessions", map[string]any{"username": unique("ada"), "guest": true, "cookie": true}).status(201).inCookie()
	for _, origin := range []string{"", "null", "https://evil.example", "https://chat.example.evil.example", "http://chat.example", "//", "%"} {
		headers := []string{"Cookie", pair}
		if origin != "" {
			headers = append(headers, "Origin", origin)
		}
		c.call("POST", refreshPath, models.Refresh{}, headers...).problem(401, models.CodeUnauthenticated)
	}
	// None of those spent it.
	_, pair = c.call("POST", refreshPath, models.Refresh{}, "Cookie", pair, "Origin", c.url).status(200).inCookie()
	c.call("POST", refreshPath, models.Refresh{}, "Cookie", pair, "Origin", "https://chat.example").status(200).inCookie()
}

func testSessionList(t *testing.T, c *client) {
	first := c.account("ada")
	second, third := first.logIn(), first.logIn()
	stranger := c.newcomer("eve")

	var ids []string
	newest := models.Now()
	for _, page := range walk[models.SessionInfo](second, "/v1/sessions?limit=1") {
		if len(page) != 1 {
			t.Fatalf("a page of one holds %d", len(page))
		}
		s := page[0]
		ids = append(ids, s.ID)
		if s.Current != (s.ID == second.SessionID) || s.IP != "127.0.0.1" || s.UserAgent != "Go-http-client/1.1" || s.LastUsedAt.Before(s.CreatedAt.Time) {
			t.Errorf("got %+v", s)
		}
		if s.CreatedAt.After(newest.Time) {
			t.Errorf("an older session comes before %+v", s)
		}
		newest = s.CreatedAt
	}
	wanted := map[string]bool{first.SessionID: true, second.SessionID: true, third.SessionID: true}
	for _, id := range ids {
		if !wanted[id] {
			t.Errorf("%s is not one of the sessions, or comes twice", id)
		}
		delete(wanted, id)
	}
	if len(wanted) > 0 {
		t.Errorf("not in the list: %v", wanted)
	}

	stranger.call("DELETE", "/v1/sessions/"+first.SessionID, nil).problem(404, models.CodeNotFound)
	first.call("DELETE", "/v1/sessions/"+third.SessionID, nil).status(204)
	first.call("DELETE", "/v1/sessions/"+third.SessionID, nil).status(204)
	first.call("DELETE", "/v1/sessions/unknown", nil).problem(404, models.CodeNotFound)
	third.call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)
	c.call("POST", refreshPath, refresh(third.RefreshToken)).problem(401, models.CodeSessionRevoked)
	if left := get[models.Page[models.SessionInfo]](first, "/v1/sessions").Items; len(left) != 2 {
		t.Errorf("left are %+v", left)
	}
	second.call("GET", "/v1/users/me", nil).status(200)
}

// testLogOut: logging out the session that asks takes its cookies away as well.
func testLogOut(t *testing.T, c *client) {
	me := c.newcomer("ada")
	a := me.call("DELETE", "/v1/sessions/current", nil).status(204)
	for _, name := range []string{"parley_refresh", "parley_events"} {
		if k := a.cookie(name); k.Value != "" || k.MaxAge >= 0 {
			t.Errorf("the cookie is left as %q", k)
		}
	}
	me.call("DELETE", "/v1/sessions/current", nil).problem(401, models.CodeSessionRevoked)
	c.call("POST", refreshPath, refresh(me.RefreshToken)).problem(401, models.CodeSessionRevoked)
}

// testNoAuthProviders: a client that asks a server that no setting names a social network to has no button to show.
func testNoAuthProviders(_ *testing.T, c *client) {
	c.nobody().call("GET", "/v1/auth/providers", nil).status(200).is(map[string]any{"items": []any{}})
	c.nobody().call("GET", "/v1/auth/github", nil).problem(404, models.CodeNotFound)
	c.nobody().call("GET", "/v1/auth/github/callback?code=a&state=b", nil).problem(404, models.CodeNotFound)
}
