package main

import (
	"database/sql"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/models"
)

// TestSocialLogIn logs in through a provider as a browser does: through its redirects, with its cookies.
func TestSocialLogIn(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		p := newProvider(t)
		s := startServer(t, database, "--oidc", p.setting("mock"), "--lobby", "lobby")
		c := newClient(t, s.url)
		t.Run("the list", func(t *testing.T) {
			c.call("GET", "/v1/auth/providers", nil).status(200).
				is(map[string]any{"items": []any{map[string]any{"name": "mock", "url": "/v1/auth/mock"}}})
			if n := len(p.asked); n != 0 {
				t.Errorf("the provider was asked %d times before anybody logged in", n)
			}
		})
		t.Run("the flow", func(t *testing.T) { testSocialFlow(t, c, p) })
		t.Run("the code", func(t *testing.T) { testLoginCode(t, c, p) })
		t.Run("the names", func(t *testing.T) { testSocialNames(t, c, p) })
		t.Run("two tabs", func(t *testing.T) { testTwoTabs(t, c, p) })
		t.Run("out of date", func(t *testing.T) { testLateLogIn(t, c, p, database) })
	})
}

func testSocialFlow(t *testing.T, c *client, p *provider) {
	ada := visitor{subject: "ada-1", username: "ada", name: "Ada Lovelace", email: "ada@example.org", verified: true}
	b := c.browser()
	begun := b.call("GET", "/v1/auth/mock?redirect="+url.QueryEscape("/#/rooms/7"), nil).status(303)
	cookie := begun.response.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/v1" || cookie.MaxAge != 660 {
		t.Errorf("the browser is known by %v", cookie)
	}
	at, err := url.Parse(begun.header("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if q := at.Query(); q.Get("redirect_uri") != c.url+"/v1/auth/mock/callback" || q.Get("scope") != "openid profile" {
		t.Errorf("the provider is asked for %v", q)
	}
	page := b.call("GET", p.asks(b, at.String(), ada), nil).status(303).header("Location")
	if !regexp.MustCompile(`^/#/rooms/7&login_code=[A-Z2-7]{26}$`).MatchString(page) {
		t.Errorf("the browser comes to %q in the end", page)
	}
	first := c.browser()
	first.http = b.http
	first.session(first.trade(page), 201, models.User{Username: "ada", DisplayName: "Ada Lovelace"})
	first.call("GET", named("lobby")+"/messages", nil).status(200)
	if room := get[models.Room](first, named("lobby")); room.Membership == nil {
		t.Error("the new account is not in the lobby")
	}

	again := p.logsIn(c, visitor{subject: "ada-1", username: "countess", name: "The Countess"})
	if again.User.ID != first.User.ID || again.User.Username != "ada" {
		t.Errorf("the second log-in is %+v, not %+v", again.User, first.User)
	}
	other := p.logsIn(c, visitor{subject: "ada-2", username: "ada", name: "Ada Lovelace", email: "ada@example.org", verified: true})
	if other.User.ID == first.User.ID || other.User.Username != "ada2" {
		t.Errorf("somebody else of that name and address is %+v", other.User)
	}
	if page := p.arrives(c.browser(), "/v1/auth/mock", ada); !strings.HasPrefix(page, "/#login_code=") {
		t.Errorf("without a path the browser comes to %q", page)
	}
}

// testLoginCode: a code works once, in its own browser, and leads to a session like any other.
func testLoginCode(t *testing.T, c *client, p *provider) {
	b := c.browser()
	page := p.arrives(b, "/v1/auth/mock", visitor{subject: "bea-1", username: "bea"})
	c.browser().trade(page).problem(401, models.CodeBadCredentials)
	thief := c.browser()
	thief.begins("/v1/auth/mock") // has a cookie too
	thief.trade(page).problem(401, models.CodeBadCredentials)
	opened := b.call("POST", "/v1/sessions",
		map[string]any{"login_code": codeIn(t, page), "cookie": true}, "Idempotency-Key", "bea").status(201)
	opened.into(&b.Session)
	if b.RefreshToken != "" || b.User.Username != "bea" || b.User.Guest {
		t.Errorf("got %v", opened)
	}
	b.nobody().trade(page).problem(401, models.CodeBadCredentials)
	replayed := b.call("POST", "/v1/sessions",
		map[string]any{"login_code": codeIn(t, page), "cookie": true}, "Idempotency-Key", "bea").status(201)
	if replayed.header("Idempotency-Replayed") != "true" || replayed.without() != opened.without() {
		t.Errorf("%v\nis not %v", replayed, opened)
	}
	thief.call("POST", "/v1/sessions", map[string]any{"login_code": codeIn(t, page), "cookie": true}, "Idempotency-Key", "bea").
		problem(401, models.CodeBadCredentials) // and learns nothing of the key
	b.call("POST", refreshPath, models.Refresh{}, "Origin", c.url).status(200)
	b.trade("/#login_code="+strings.Repeat("A", 26)).problem(401, models.CodeBadCredentials)
}

// testSocialNames: whatever somebody is called elsewhere, they get a username that is valid and free.
func testSocialNames(t *testing.T, c *client, p *provider) {
	c.signUp("Grace", password)
	for i, n := range []struct{ username, name, want, shown string }{
		{"grace", "Grace Hopper", "grace2", "Grace Hopper"},
		{"GRACE", "", "GRACE3", "GRACE"},
		{"alan@example.org", "Alan", "alan", "Alan"},
		{"!!!", "Barbara  Liskov", "Barbara-Liskov", "Barbara Liskov"},
		{"", "", "user", "user"},
		{"m\u0430in", "\u0000\u202E", "user2", "user"},
		{"7of9", "", "of9", "of9"},
		{strings.Repeat("x", 400), strings.Repeat("y", 400), strings.Repeat("x", 25), strings.Repeat("y", 64)},
		{"Зоя", "", "Зоя", "Зоя"},
	} {
		u := p.logsIn(c, visitor{subject: "name-" + strings.Repeat("i", i+1), username: n.username, name: n.name}).User
		if u.Username != n.want || u.DisplayName != n.shown {
			t.Errorf("%q, %q became %q, %q", n.username, n.name, u.Username, u.DisplayName)
		}
	}
	unnamed := func(claims jwt.MapClaims) { delete(claims, "preferred_username") }
	if u := p.logsIn(c, visitor{subject: "quiet", username: "quiet", changed: unnamed}).User; u.Username != "quiet" {
		t.Errorf("who is named on the provider's page for that alone is %+v", u)
	}
	taken := map[string]bool{}
	for i := range 12 { // more than there are numbers for
		u := p.logsIn(c, visitor{subject: "kim-" + strings.Repeat("i", i+1), username: "kim"}).User
		if taken[u.Username] || !strings.HasPrefix(u.Username, "kim") {
			t.Errorf("the next kim is %q", u.Username)
		}
		taken[u.Username] = true
	}
}

// testTwoTabs: log-ins that a browser begins beside each other do not mind each other, in whatever order they end.
func testTwoTabs(_ *testing.T, c *client, p *provider) {
	b := c.browser()
	one, two := b.begins("/v1/auth/mock"), b.begins("/v1/auth/mock")
	cleo := visitor{subject: "cleo", username: "cleo"}
	first, second := p.asks(b, one, cleo), p.asks(b, two, cleo)
	pageOfTwo := b.call("GET", second, nil).status(303).header("Location")
	pageOfOne := b.call("GET", first, nil).status(303).header("Location")
	b.trade(pageOfOne).status(201)
	b.trade(pageOfTwo).status(201)
}

// testLateLogIn: a log-in has ten minutes, and its code one.
func testLateLogIn(t *testing.T, c *client, p *provider, database string) {
	b := c.browser()
	dora := visitor{subject: "dora", username: "dora"}
	callback := p.asks(b, b.begins("/v1/auth/mock"), dora)
	execute(t, database, "UPDATE auth_flows SET expires_at = expires_at - 600000")
	b.call("GET", callback, nil).problem(410, models.CodeExpired)
	b.call("GET", callback, nil).problem(401, models.CodeBadCredentials)
	callback = p.asks(b, b.begins("/v1/auth/mock"), dora)
	execute(t, database, "UPDATE auth_flows SET expires_at = expires_at - 590000") // less than a minute before its end
	page := b.call("GET", callback, nil).status(303).header("Location")
	execute(t, database, "UPDATE login_codes SET expires_at = expires_at - 60000")
	b.trade(page).problem(401, models.CodeBadCredentials)
}

// TestSocialLogInAcrossNodes begins at one node, comes back to another, and trades the code at the first.
func TestSocialLogInAcrossNodes(t *testing.T) {
	t.Parallel()
	database := newPostgres(t)
	p := newProvider(t)
	one := startServer(t, database, "--oidc", p.setting("mock"))
	two := startServer(t, database, "--oidc", p.setting("mock"))
	b := newClient(t, one.url).browser()
	callback := p.asks(b, b.begins("/v1/auth/mock"), visitor{subject: "ada", username: "ada"})
	elsewhere := *b
	elsewhere.url = two.url
	page := elsewhere.call("GET", callback, nil).status(303).header("Location")
	b.trade(page).status(201)
	elsewhere.trade(page).problem(401, models.CodeBadCredentials)
}

// TestSocialLeftovers: log-ins that came to nothing, and tokens that have run out, do not stay for ever.
func TestSocialLeftovers(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		p, shop := newProvider(t), newProduct(t)
		flags := append(shop.flags(), "--oidc", p.setting("mock"))
		s := startServer(t, database, flags...)
		c := newClient(t, s.url)
		c.begins("/v1/auth/mock")
		p.arrives(c.browser(), "/v1/auth/mock", visitor{subject: "ada", username: "ada"})
		kept := shop.sends(c, "kept", nil)
		shop.sends(c, "gone", nil).call("DELETE", "/v1/users/me", nil).status(204)
		tables := []string{"auth_flows", "login_codes", "spent_tokens"}
		for _, table := range tables {
			if rows(t, database, table) != 1 {
				t.Errorf("%s has %d rows", table, rows(t, database, table))
			}
			execute(t, database, "UPDATE "+table+" SET expires_at = 1")
		}
		execute(t, database, "UPDATE sessions SET expires_at = 1 WHERE vouched")
		s.halt()
		s = startServer(t, database, flags...) // which tidies at its start
		for _, table := range append(tables, "sessions") {
			eventually(t, table+" is empty", func() bool { return rows(t, database, table) == 0 })
		}
		again := newClient(t, s.url).as(kept.AccessToken)
		again.call("GET", "/v1/users/me", nil).status(200) // good for an hour, as it says itself
	})
}

// rows is how many rows a table has.
func rows(t *testing.T, database, table string) (n int) {
	t.Helper()
	driver := "sqlite"
	if strings.HasPrefix(database, "postgres://") {
		driver = "pgx"
	}
	db, err := sql.Open(driver, database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), "SELECT count(*) FROM "+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
