package api

import (
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestAccounts(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "sign-up", Run: testSignUp},
		{Name: "equivalent names", Run: testSameNames},
		{Name: "refused names and passwords", Run: testRefusedNames},
		{Name: "login", Run: testLogIn},
		{Name: "guests", Run: testGuests},
		{Name: "profile", Run: testProfile},
		{Name: "online while a stream is open", Run: testOnline},
	})
}

func testSignUp(t *testing.T, c *harness.Client) {
	name := harness.UniqueName("ada")
	a := c.Call("POST", "/v1/users", models.NewUser{
		Username: name, Password: harness.Password, DisplayName: harness.Ptr("Ada"),
		Description: harness.Ptr("Engines and notes."),
	}).ExpectStatus(201)
	if strings.Contains(string(a.Body), harness.Password) {
		t.Errorf("the response has the password: %s", a.Body)
	}
	var session models.Session
	a.Decode(&session)
	u := session.User
	if session.TokenType != "Bearer" || session.ExpiresIn != 900 || session.RefreshToken == "" || session.SessionID == "" {
		t.Errorf("got %+v", session)
	}
	if u.Username != name || u.DisplayName != "Ada" || u.Description != "Engines and notes." || u.Guest ||
		u.CreatedAt.IsZero() {
		t.Errorf("got %+v", u)
	}
	me := c.WithToken(session.AccessToken)
	for _, path := range []string{a.Header("Location"), "/v1/users/me", "/v1/users/@" + name} {
		if got := harness.Get[models.User](me, path); got != u {
			t.Errorf("%s: got %+v, want %+v", path, got, u)
		}
	}
	if plain := c.NewAccount("plain"); plain.User.DisplayName != plain.User.Username || plain.User.Description != "" {
		t.Errorf("an account with only a name: got %+v", plain.User)
	}
	me.CallInvalid("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("more"), Password: harness.Password}).
		ExpectProblem(403, models.CodeForbidden)
}

// testSameNames checks that names that differ only in case, width or composition are the same name.
func testSameNames(t *testing.T, c *harness.Client) {
	suffix := harness.UniqueName("")
	taken := c.WithoutToken()
	taken.Call("POST", "/v1/users", models.NewUser{Username: "Zoë" + suffix, Password: harness.Password}).
		ExpectStatus(201).Decode(&taken.Session)
	for _, same := range []string{"zoë", "ZOË", "Ｚoë", "zoe\u0308"} {
		name := same + suffix
		c.Call("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}).
			ExpectProblem(409, models.CodeUsernameTaken)
		c.Call("POST", "/v1/sessions", models.Credentials{Username: name, Guest: true}).
			ExpectProblem(409, models.CodeUsernameTaken)
		if got := harness.Get[models.User](taken, "/v1/users/@"+url.PathEscape(name)); got.ID != taken.User.ID {
			t.Errorf("@%s: got %+v", name, got)
		}
	}
	var session models.Session
	c.Call("POST", "/v1/sessions", models.Credentials{Username: "ZOË" + suffix, Password: harness.Password}).
		ExpectStatus(201).Decode(&session)
	if session.User.Username != "Zoë"+suffix {
		t.Errorf("logged in as %+v", session.User)
	}
	c.NewGuest("zoe") // without the diaeresis it is another name
}

func testRefusedNames(_ *testing.T, c *harness.Client) {
	for _, name := range []string{
		"", "a", "1abc", "_abc", "-abc", ".abc", "a b", " ab", "ab ", "a@b", "a#b", "a/b", "ab\n", "ab\x00", "ab\u202e",
		"ab\u200b", "a😀", "😀😀", "ab€", strings.Repeat("a", 33), strings.Repeat("ж", 33),
	} {
		c.CallInvalid("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}).
			ExpectInvalid("username")
		c.CallInvalid("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).ExpectInvalid("username")
	}
	suffix := harness.UniqueName("")
	for _, name := range []string{
		strings.Repeat("é", 32-len(suffix)) + suffix, // 32 characters, but more bytes
		"कमल३", "a.b_c" + suffix, "Жук", "名" + suffix, "é" + suffix,
	} {
		c.NewGuestNamed(name)
	}
	for field, body := range map[string]models.NewUser{
		"password":     {Username: harness.UniqueName("pw"), Password: "7 chars"},
		"display_name": {Username: harness.UniqueName("dn"), Password: harness.Password, DisplayName: harness.Ptr("")},
		"description": {Username: harness.UniqueName("de"), Password: harness.Password,
			Description: harness.Ptr(strings.Repeat("d", 1001))},
	} {
		c.CallInvalid("POST", "/v1/users", body).ExpectInvalid(field)
	}
	c.CallInvalid("POST", "/v1/users",
		models.NewUser{Username: harness.UniqueName("pw"), Password: strings.Repeat("p", 257)}).ExpectInvalid("password")
	c.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("pw"), Password: strings.Repeat("п", 256)}).
		ExpectStatus(201)
	c.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("pw"), Password: "пароль88"}).
		ExpectStatus(201)
}

func testLogIn(t *testing.T, c *harness.Client) {
	first := c.NewAccount("ada")
	guest := c.NewGuest("guest")
	second := first.LogIn()
	if second.User != first.User || second.SessionID == first.SessionID || second.RefreshToken == first.RefreshToken {
		t.Errorf("got the second session %+v after the first one %+v", second.Session, first.Session)
	}
	// The response to a wrong password is the same as that to an unknown name.
	wrong := models.Credentials{Username: first.User.Username, Password: "not " + harness.Password}
	want := c.Call("POST", "/v1/sessions", wrong)
	want.ExpectProblem(401, models.CodeBadCredentials)
	for _, other := range []models.Credentials{
		{Username: harness.UniqueName("unknown"), Password: harness.Password},
		{Username: "@no name at all", Password: harness.Password},
		{Username: guest.User.Username, Password: harness.Password},
		{Username: guest.User.Username, Password: " "},
	} {
		got := c.Call("POST", "/v1/sessions", other)
		got.ExpectProblem(401, models.CodeBadCredentials)
		if got.Without("request_id") != want.Without("request_id") {
			t.Errorf("%v\ndiffers from %v", got, want)
		}
	}
}

func testGuests(t *testing.T, c *harness.Client) {
	name := harness.UniqueName("visitor")
	var session models.Session
	a := c.Call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true, "display_name": "A visitor"}).
		ExpectStatus(201)
	a.Decode(&session)
	if u := session.User; !u.Guest || u.Username != name || u.DisplayName != "A visitor" {
		t.Errorf("got %+v", u)
	}
	if want := "/v1/sessions/" + session.SessionID; a.Header("Location") != want {
		t.Errorf("got Location %q, want %q", a.Header("Location"), want)
	}
	c.Call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).
		ExpectProblem(409, models.CodeUsernameTaken)
	c.Call("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}).
		ExpectProblem(409, models.CodeUsernameTaken)
	for field, body := range map[string]any{
		"password": map[string]any{"username": harness.UniqueName("g"), "guest": true, "password": harness.Password},
		"display_name": map[string]any{"username": harness.UniqueName("g"), "password": harness.Password,
			"display_name": "G"},
	} {
		c.CallInvalid("POST", "/v1/sessions", body).ExpectInvalid(field)
	}
}

// TestNoGuests starts a server that refuses guests.
func TestNoGuests(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "refused", Run: func(_ *testing.T, c *harness.Client) {
		c.Call("POST", "/v1/sessions", map[string]any{"username": "anna", "guest": true}).
			ExpectProblem(403, models.CodeForbidden)
		c.NewAccount("anna").Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	}}}, "--no-guests")
}

func testProfile(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	room := me.CreatePublicRoom(other)
	me.SendText(room.ID, "before")
	var changed models.User
	me.Call("PATCH", "/v1/users/me",
		models.ProfileChange{DisplayName: harness.Ptr("Ada L."), Description: harness.Ptr("Notes.")}).ExpectStatus(200).
		Decode(&changed)
	if changed.DisplayName != "Ada L." || changed.Description != "Notes." || changed.Username != me.User.Username {
		t.Errorf("got %+v", changed)
	}
	if got := harness.Get[models.User](other, "/v1/users/@"+me.User.Username); got != changed {
		t.Errorf("another user sees %+v, want %+v", got, changed)
	}
	me.Call("PATCH", "/v1/users/me", models.ProfileChange{Description: harness.Ptr("")}).ExpectStatus(200)
	if got := harness.Get[models.User](me, "/v1/users/me"); got.Description != "" || got.DisplayName != "Ada L." {
		t.Errorf("got %+v", got)
	}
	me.SendText(room.ID, "after")
	for _, m := range harness.Get[models.Page[models.Message]](other, harness.RoomPath(room.ID)+"/messages").Items {
		if m.Sender.DisplayName != "Ada L." {
			t.Errorf("the message %q: got the sender %q", m.Text, m.Sender.DisplayName)
		}
	}
	members := harness.Get[models.Page[models.Member]](other, harness.RoomPath(room.ID)+"/members").Items
	if !slices.ContainsFunc(members, func(m models.Member) bool { return m.User.DisplayName == "Ada L." }) {
		t.Errorf("got the members %+v", members)
	}
	me.CallInvalid("PATCH", "/v1/users/me", map[string]any{"display_name": ""}).ExpectInvalid("display_name")
	me.CallInvalid("PATCH", "/v1/users/me", map[string]any{"username": "other"}).ExpectInvalid("username")
	for _, nobody := range []string{"999999999", "@" + harness.UniqueName("nobody"), "@", "@1", "x", "-1"} {
		me.Call("GET", "/v1/users/"+nobody, nil).ExpectProblem(404, models.CodeNotFound)
	}
}

func testOnline(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	isOnline := func() bool { return harness.Get[models.User](other, "/v1/users/@"+me.User.Username).Online }
	if isOnline() {
		t.Error("a user without a stream is online")
	}
	s := me.OpenStream("")
	if !isOnline() || !harness.Get[models.User](me, "/v1/users/me").Online {
		t.Error("a user with a stream is not online")
	}
	s.Cancel()
	harness.Eventually(t, "the user is offline when the stream has ended", func() bool { return !isOnline() })
}
