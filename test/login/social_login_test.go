package login

import (
	"database/sql"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestSocialLogIn logs in through a provider as a browser does, with its redirects and cookies.
func TestSocialLogIn(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := harness.NewOIDCProvider(t)
		s := harness.StartServer(t, database, "--oidc", p.Flag("mock"), "--lobby", "lobby")
		c := harness.NewClient(t, s.URL)
		t.Run("the list of providers", func(t *testing.T) {
			c.Call("GET", "/v1/auth/providers", nil).ExpectStatus(200).
				ExpectBody(map[string]any{"items": []any{map[string]any{"name": "mock", "url": "/v1/auth/mock"}}})
			if n := len(p.Requests); n != 0 {
				t.Errorf("the provider got %d requests before the first log-in, want none", n)
			}
		})
		t.Run("the flow", func(t *testing.T) { testLogInFlow(t, c, p) })
		t.Run("the login code", func(t *testing.T) { testLoginCode(t, c, p) })
		t.Run("usernames", func(t *testing.T) { testUsernamesFromProvider(t, c, p) })
		t.Run("concurrent tabs", func(t *testing.T) { testConcurrentTabs(t, c, p) })
		t.Run("expired log-ins", func(t *testing.T) { testExpiredLogIn(t, c, p, database) })
	})
}

func testLogInFlow(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	ada := harness.OIDCUser{Subject: "ada-1", Username: "ada", Name: "Ada Lovelace", Email: "ada@example.org",
		EmailVerified: true}
	b := c.NewBrowser()
	start := b.Call("GET", "/v1/auth/mock?redirect="+url.QueryEscape("/#/rooms/7"), nil).ExpectStatus(303)
	cookie := start.HTTP.Cookies()[0]
	if !cookie.HttpOnly || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/v1" || cookie.MaxAge != 660 {
		t.Errorf("the browser cookie is %v", cookie)
	}
	at, err := url.Parse(start.Header("Location"))
	if err != nil {
		t.Fatal(err)
	}
	if q := at.Query(); q.Get("redirect_uri") != c.URL+"/v1/auth/mock/callback" || q.Get("scope") != "openid profile" {
		t.Errorf("the authorization request is %v", q)
	}
	page := b.Call("GET", p.Authorize(b, at.String(), ada), nil).ExpectStatus(303).Header("Location")
	if !regexp.MustCompile(`^/#/rooms/7&login_code=[A-Z2-7]{26}$`).MatchString(page) {
		t.Errorf("after the log-in the browser is redirected to %q", page)
	}
	first := c.NewBrowser()
	first.HTTP = b.HTTP
	first.ExpectSession(first.RedeemLoginCode(page), 201, models.User{Username: "ada", DisplayName: "Ada Lovelace"})
	first.Call("GET", harness.HandlePath("lobby")+"/messages", nil).ExpectStatus(200)
	if room := harness.Get[models.Room](first, harness.HandlePath("lobby")); room.Membership == nil {
		t.Error("the new account is not in the lobby")
	}

	again := p.LogIn(c, harness.OIDCUser{Subject: "ada-1", Username: "countess", Name: "The Countess"})
	if again.User.ID != first.User.ID || again.User.Username != "ada" {
		t.Errorf("the second log-in is %+v, want %+v", again.User, first.User)
	}
	other := p.LogIn(c, harness.OIDCUser{Subject: "ada-2", Username: "ada", Name: "Ada Lovelace", Email: "ada@example.org",
		EmailVerified: true})
	if other.User.ID == first.User.ID || other.User.Username != "ada2" {
		t.Errorf("another user with the same name and address is %+v", other.User)
	}
	if page := p.LogInToPage(c.NewBrowser(), "/v1/auth/mock", ada); !strings.HasPrefix(page, "/#login_code=") {
		t.Errorf("without a path the browser is redirected to %q", page)
	}
}

// testLoginCode: a code is valid once, in its own browser, and gives a normal session.
func testLoginCode(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	b := c.NewBrowser()
	page := p.LogInToPage(b, "/v1/auth/mock", harness.OIDCUser{Subject: "bea-1", Username: "bea"})
	c.NewBrowser().RedeemLoginCode(page).ExpectProblem(401, models.CodeBadCredentials)
	thief := c.NewBrowser()
	thief.BeginLogIn("/v1/auth/mock") // has a browser cookie, too
	thief.RedeemLoginCode(page).ExpectProblem(401, models.CodeBadCredentials)
	opened := b.Call("POST", "/v1/sessions",
		map[string]any{"login_code": harness.LoginCode(t, page), "cookie": true}, "Idempotency-Key", "bea").ExpectStatus(201)
	opened.Decode(&b.Session)
	if b.RefreshToken != "" || b.User.Username != "bea" || b.User.Guest {
		t.Errorf("got %v", opened)
	}
	b.WithoutToken().RedeemLoginCode(page).ExpectProblem(401, models.CodeBadCredentials)
	replayed := b.Call("POST", "/v1/sessions",
		map[string]any{"login_code": harness.LoginCode(t, page), "cookie": true}, "Idempotency-Key", "bea").ExpectStatus(201)
	if replayed.Header("Idempotency-Replayed") != "true" || replayed.Without() != opened.Without() {
		t.Errorf("%v\nis not %v", replayed, opened)
	}
	thief.Call("POST", "/v1/sessions", map[string]any{"login_code": harness.LoginCode(t, page), "cookie": true},
		"Idempotency-Key", "bea").
		ExpectProblem(401, models.CodeBadCredentials) // the key of another browser replays nothing
	b.Call("POST", harness.RefreshPath, models.Refresh{}, "Origin", c.URL).ExpectStatus(200)
	b.RedeemLoginCode("/#login_code="+strings.Repeat("A", 26)).ExpectProblem(401, models.CodeBadCredentials)
}

// testUsernamesFromProvider: users get a valid and free username, whatever their name at the provider is.
func testUsernamesFromProvider(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	c.SignUp("Grace", harness.Password)
	for i, n := range []struct{ username, name, wantUsername, wantDisplayName string }{
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
		subject := "name-" + strings.Repeat("i", i+1)
		u := p.LogIn(c, harness.OIDCUser{Subject: subject, Username: n.username, Name: n.name}).User
		if u.Username != n.wantUsername || u.DisplayName != n.wantDisplayName {
			t.Errorf("%q, %q got the names %q, %q", n.username, n.name, u.Username, u.DisplayName)
		}
	}
	withoutName := func(claims jwt.MapClaims) { delete(claims, "preferred_username") }
	quiet := harness.OIDCUser{Subject: "quiet", Username: "quiet", ChangeClaims: withoutName}
	if u := p.LogIn(c, quiet).User; u.Username != "quiet" {
		t.Errorf("a user with a name only from the userinfo endpoint is %+v", u)
	}
	taken := map[string]bool{}
	for i := range 12 { // more than the numbered names that the server tries
		u := p.LogIn(c, harness.OIDCUser{Subject: "kim-" + strings.Repeat("i", i+1), Username: "kim"}).User
		if taken[u.Username] || !strings.HasPrefix(u.Username, "kim") {
			t.Errorf("another user named kim got the username %q", u.Username)
		}
		taken[u.Username] = true
	}
}

// testConcurrentTabs: concurrent log-ins of the same browser are independent, in whatever order they end.
func testConcurrentTabs(_ *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	b := c.NewBrowser()
	one, two := b.BeginLogIn("/v1/auth/mock"), b.BeginLogIn("/v1/auth/mock")
	cleo := harness.OIDCUser{Subject: "cleo", Username: "cleo"}
	first, second := p.Authorize(b, one, cleo), p.Authorize(b, two, cleo)
	pageOfTwo := b.Call("GET", second, nil).ExpectStatus(303).Header("Location")
	pageOfOne := b.Call("GET", first, nil).ExpectStatus(303).Header("Location")
	b.RedeemLoginCode(pageOfOne).ExpectStatus(201)
	b.RedeemLoginCode(pageOfTwo).ExpectStatus(201)
}

// testExpiredLogIn: a log-in expires after ten minutes, and its code after one minute.
func testExpiredLogIn(t *testing.T, c *harness.Client, p *harness.OIDCProvider, database string) {
	b := c.NewBrowser()
	dora := harness.OIDCUser{Subject: "dora", Username: "dora"}
	callback := p.Authorize(b, b.BeginLogIn("/v1/auth/mock"), dora)
	harness.Execute(t, database, "UPDATE auth_flows SET expires_at = expires_at - 600000")
	b.Call("GET", callback, nil).ExpectProblem(410, models.CodeExpired)
	b.Call("GET", callback, nil).ExpectProblem(401, models.CodeBadCredentials)
	callback = p.Authorize(b, b.BeginLogIn("/v1/auth/mock"), dora)
	// Less than a minute before its expiry.
	harness.Execute(t, database, "UPDATE auth_flows SET expires_at = expires_at - 590000")
	page := b.Call("GET", callback, nil).ExpectStatus(303).Header("Location")
	harness.Execute(t, database, "UPDATE login_codes SET expires_at = expires_at - 60000")
	b.RedeemLoginCode(page).ExpectProblem(401, models.CodeBadCredentials)
}

// TestSocialLogInAcrossNodes begins a log-in on one node, returns to another, and redeems the code on the first.
func TestSocialLogInAcrossNodes(t *testing.T) {
	t.Parallel()
	database := harness.NewPostgres(t)
	p := harness.NewOIDCProvider(t)
	one := harness.StartServer(t, database, "--oidc", p.Flag("mock"))
	two := harness.StartServer(t, database, "--oidc", p.Flag("mock"))
	b := harness.NewClient(t, one.URL).NewBrowser()
	callback := p.Authorize(b, b.BeginLogIn("/v1/auth/mock"), harness.OIDCUser{Subject: "ada", Username: "ada"})
	atTwo := *b
	atTwo.URL = two.URL
	page := atTwo.Call("GET", callback, nil).ExpectStatus(303).Header("Location")
	b.RedeemLoginCode(page).ExpectStatus(201)
	atTwo.RedeemLoginCode(page).ExpectProblem(401, models.CodeBadCredentials)
}

// TestExpiredLogInsArePurged: unfinished log-ins and expired tokens are deleted from the database.
func TestExpiredLogInsArePurged(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p, shop := harness.NewOIDCProvider(t), newTokenIssuer(t)
		flags := append(shop.flags(), "--oidc", p.Flag("mock"))
		s := harness.StartServer(t, database, flags...)
		c := harness.NewClient(t, s.URL)
		c.BeginLogIn("/v1/auth/mock")
		p.LogInToPage(c.NewBrowser(), "/v1/auth/mock", harness.OIDCUser{Subject: "ada", Username: "ada"})
		kept := shop.clientFor(c, "kept", nil)
		shop.clientFor(c, "gone", nil).Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
		tables := []string{"auth_flows", "login_codes", "spent_tokens"}
		for _, table := range tables {
			if rowCount(t, database, table) != 1 {
				t.Errorf("%s has %d rows, want 1", table, rowCount(t, database, table))
			}
			harness.Execute(t, database, "UPDATE "+table+" SET expires_at = 1")
		}
		harness.Execute(t, database, "UPDATE sessions SET expires_at = 1 WHERE vouched")
		s.Stop()
		s = harness.StartServer(t, database, flags...) // purges at its start
		for _, table := range append(tables, "sessions") {
			harness.Eventually(t, table+" is empty", func() bool { return rowCount(t, database, table) == 0 })
		}
		again := harness.NewClient(t, s.URL).WithToken(kept.AccessToken)
		again.Call("GET", "/v1/users/me", nil).ExpectStatus(200) // the token itself is valid for an hour
	})
}

// rowCount returns the number of rows of a table.
func rowCount(t *testing.T, database, table string) (n int) {
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
