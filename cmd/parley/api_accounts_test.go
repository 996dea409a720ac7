package main

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestAccounts(t *testing.T) {
	play(t, []scenario{
		{"sign-up", testSignUp},
		{"names that are the same", testSameNames},
		{"names and passwords that are refused", testRefusedNames},
		{"log-in", testLogIn},
		{"guests", testGuests},
		{"profile", testProfile},
		{"online while a stream is open", testOnline},
	})
}

func testSignUp(t *testing.T, c *client) {
	name := unique("ada")
	a := c.call("POST", "/v1/users", models.NewUser{
		Username: name, Password: password, DisplayName: ptr("Ada"), Description: ptr("Engines and notes."),
	}).status(201)
	if strings.Contains(string(a.body), password) {
		t.Errorf("the answer holds the password: %s", a.body)
	}
	var session models.Session
	a.into(&session)
	u := session.User
	if session.TokenType != "Bearer" || session.ExpiresIn != 900 || session.RefreshToken == "" || session.SessionID == "" {
		t.Errorf("got %+v", session)
	}
	if u.Username != name || u.DisplayName != "Ada" || u.Description != "Engines and notes." || u.Guest || u.CreatedAt.IsZero() {
		t.Errorf("got %+v", u)
	}
	me := c.as(session.AccessToken)
	for _, path := range []string{a.header("Location"), "/v1/users/me", "/v1/users/@" + name} {
		if got := get[models.User](me, path); got != u {
			t.Errorf("%s is %+v, signed up was %+v", path, got, u)
		}
	}
	if plain := c.account("plain"); plain.User.DisplayName != plain.User.Username || plain.User.Description != "" {
		t.Errorf("without more than a name: %+v", plain.User)
	}
	me.wrong("POST", "/v1/users", models.NewUser{Username: unique("more"), Password: password}).problem(403, models.CodeForbidden)
}

// testSameNames: names that differ in case, width or composition alone are one name.
func testSameNames(t *testing.T, c *client) {
	tail := unique("")
	taken := c.nobody()
	taken.call("POST", "/v1/users", models.NewUser{Username: "Zoë" + tail, Password: password}).status(201).into(&taken.Session)
	for _, same := range []string{"zoë", "ZOË", "Ｚoë", "zoe\u0308"} {
		name := same + tail
		c.call("POST", "/v1/users", models.NewUser{Username: name, Password: password}).problem(409, models.CodeUsernameTaken)
		c.call("POST", "/v1/sessions", models.Credentials{Username: name, Guest: true}).problem(409, models.CodeUsernameTaken)
		if got := get[models.User](taken, "/v1/users/@"+url.PathEscape(name)); got.ID != taken.User.ID {
			t.Errorf("@%s is %+v", name, got)
		}
	}
	var session models.Session
	c.call("POST", "/v1/sessions", models.Credentials{Username: "ZOË" + tail, Password: password}).status(201).into(&session)
	if session.User.Username != "Zoë"+tail {
		t.Errorf("logged in as %+v", session.User)
	}
	c.newcomer("zoe") // without the dots it is another
}

func testRefusedNames(_ *testing.T, c *client) {
	for _, name := range []string{
		"", "a", "1abc", "_abc", "-abc", ".abc", "a b", " ab", "ab ", "a@b", "a#b", "a/b", "ab\n", "ab\x00", "ab\u202e",
		"ab\u200b", "a😀", "😀😀", "ab€", strings.Repeat("a", 33), strings.Repeat("ж", 33),
	} {
		c.wrong("POST", "/v1/users", models.NewUser{Username: name, Password: password}).invalid("username")
		c.wrong("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).invalid("username")
	}
	tail := unique("")
	for _, name := range []string{
		strings.Repeat("é", 32-len(tail)) + tail, // 32 characters, and more bytes
		"कमल३", "a.b_c" + tail, "Жук", "名" + tail, "é" + tail,
	} {
		c.guest(name)
	}
	for field, body := range map[string]models.NewUser{
		"password":     {Username: unique("pw"), Password: "7 chars"},
		"display_name": {Username: unique("dn"), Password: password, DisplayName: ptr("")},
		"description":  {Username: unique("de"), Password: password, Description: ptr(strings.Repeat("d", 1001))},
	} {
		c.wrong("POST", "/v1/users", body).invalid(field)
	}
	c.wrong("POST", "/v1/users", models.NewUser{Username: unique("pw"), Password: strings.Repeat("p", 257)}).invalid("password")
	c.call("POST", "/v1/users", models.NewUser{Username: unique("pw"), Password: strings.Repeat("п", 256)}).status(201)
	c.call("POST", "/v1/users", models.NewUser{Username: unique("pw"), Password: "пароль88"}).status(201)
}

func testLogIn(t *testing.T, c *client) {
	first := c.account("ada")
	guest := c.newcomer("guest")
	second := first.logIn()
	if second.User != first.User || second.SessionID == first.SessionID || second.RefreshToken == first.RefreshToken {
		t.Errorf("the second session is %+v, the first %+v", second.Session, first.Session)
	}
	// Nothing in the answer tells a wrong password from a name that is not there.
	wrong := models.Credentials{Username: first.User.Username, Password: "not " + password}
	want := c.call("POST", "/v1/sessions", wrong)
	want.problem(401, models.CodeBadCredentials)
	for _, other := range []models.Credentials{
		{Username: unique("unknown"), Password: password},
		{Username: "@no name at all", Password: password},
		{Username: guest.User.Username, Password: password},
		{Username: guest.User.Username, Password: " "},
	} {
		got := c.call("POST", "/v1/sessions", other)
		got.problem(401, models.CodeBadCredentials)
		if got.without("request_id") != want.without("request_id") {
			t.Errorf("%v\ndiffers from %v", got, want)
		}
	}
}

func testGuests(t *testing.T, c *client) {
	name := unique("visitor")
	var session models.Session
	a := c.call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true, "display_name": "A visitor"}).status(201)
	a.into(&session)
	if u := session.User; !u.Guest || u.Username != name || u.DisplayName != "A visitor" {
		t.Errorf("got %+v", u)
	}
	if want := "/v1/sessions/" + session.SessionID; a.header("Location") != want {
		t.Errorf("Location is %q, not %q", a.header("Location"), want)
	}
	c.call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).problem(409, models.CodeUsernameTaken)
	c.call("POST", "/v1/users", models.NewUser{Username: name, Password: password}).problem(409, models.CodeUsernameTaken)
	for field, body := range map[string]any{
		"password":     map[string]any{"username": unique("g"), "guest": true, "password": password},
		"display_name": map[string]any{"username": unique("g"), "password": password, "display_name": "G"},
	} {
		c.wrong("POST", "/v1/sessions", body).invalid(field)
	}
}

// TestNoGuests starts a server that lets nobody in without an account.
func TestNoGuests(t *testing.T) {
	play(t, []scenario{{"refused", func(_ *testing.T, c *client) {
		c.call("POST", "/v1/sessions", map[string]any{"username": "anna", "guest": true}).problem(403, models.CodeForbidden)
		c.account("anna").call("GET", "/v1/users/me", nil).status(200)
	}}}, "--no-guests")
}

func testProfile(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	room := me.publicRoom(other)
	me.say(room.ID, "before")
	var changed models.User
	me.call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: ptr("Ada L."), Description: ptr("Notes.")}).status(200).into(&changed)
	if changed.DisplayName != "Ada L." || changed.Description != "Notes." || changed.Username != me.User.Username {
		t.Errorf("got %+v", changed)
	}
	if got := get[models.User](other, "/v1/users/@"+me.User.Username); got != changed {
		t.Errorf("others see %+v, not %+v", got, changed)
	}
	me.call("PATCH", "/v1/users/me", models.ProfileChange{Description: ptr("")}).status(200)
	if got := get[models.User](me, "/v1/users/me"); got.Description != "" || got.DisplayName != "Ada L." {
		t.Errorf("got %+v", got)
	}
	me.say(room.ID, "after")
	for _, m := range get[models.Page[models.Message]](other, roomPath(room.ID)+"/messages").Items {
		if m.Sender.DisplayName != "Ada L." {
			t.Errorf("the message %q is shown as %q's", m.Text, m.Sender.DisplayName)
		}
	}
	members := get[models.Page[models.Member]](other, roomPath(room.ID)+"/members").Items
	if !slices.ContainsFunc(members, func(m models.Member) bool { return m.User.DisplayName == "Ada L." }) {
		t.Errorf("the members are %+v", members)
	}
	me.wrong("PATCH", "/v1/users/me", map[string]any{"display_name": ""}).invalid("display_name")
	me.wrong("PATCH", "/v1/users/me", map[string]any{"username": "other"}).invalid("username")
	for _, nobody := range []string{"999999999", "@" + unique("nobody"), "@", "@1", "x", "-1"} {
		me.call("GET", "/v1/users/"+nobody, nil).problem(404, models.CodeNotFound)
	}
}

func testOnline(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	isOnline := func() bool { return get[models.User](other, "/v1/users/@"+me.User.Username).Online }
	if isOnline() {
		t.Error("somebody without a stream is online")
	}
	s := me.open("")
	if !isOnline() || !get[models.User](me, "/v1/users/me").Online {
		t.Error("somebody with a stream is not online")
	}
	s.cancel()
	eventually(t, "the user is offline when the stream has ended", func() bool { return !isOnline() })
}
