package login

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestOwnUsers has the users of a product come with the product's own tokens, beside those of Parley.
func TestOwnUsers(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p, social := newProduct(t), harness.NewOIDCProvider(t)
		flags := append(p.flags(), "--lobby", "lobby", "--presence-room-limit", "0", "--oidc", social.Flag("mock"))
		s := harness.StartServer(t, database, flags...)
		for _, sc := range []struct {
			name string
			play func(t *testing.T, c *harness.Client, p *product)
		}{
			{"the first time, and again", testArrival},
			{"all at once", testArrivalsAtOnce},
			{"a chat", testProductChat},
			{"log-out", testTokenLogOut},
			{"other names", testProductNames},
			{"subjects that look alike", testSubjects},
			{"the end of an account", testTokenOfDeleted},
		} {
			t.Run(sc.name, func(t *testing.T) { sc.play(t, harness.NewClient(t, s.URL), p) })
		}
		t.Run("identities", func(t *testing.T) { testProductIdentities(t, harness.NewClient(t, s.URL), p, social) })
		t.Run("the end of a token", func(t *testing.T) { testTokenEnd(t, s, p, database, flags) })
	})
}

func testArrival(t *testing.T, c *harness.Client, p *product) {
	named := jwt.MapClaims{"preferred_username": "ada", "name": "Ada Lovelace"}
	ada := p.sends(c, "1", named)
	if u := ada.User; u.Username != "ada" || u.DisplayName != "Ada Lovelace" || u.Guest {
		t.Errorf("got %+v", u)
	}
	if ada.GetRoom(harness.Get[models.Room](ada, "/v1/rooms/%23lobby").ID).Membership == nil {
		t.Error("the new user is not in the lobby")
	}
	if again := p.sends(c, "1", jwt.MapClaims{"preferred_username": "other", "aud": []string{"other", productAudience}}); again.User.ID != ada.User.ID || again.User.Username != "other" || again.User.DisplayName != "Ada Lovelace" {
		t.Errorf("with another token there comes %+v", again.User)
	}
	p.sends(c, "1", named)
	if other := p.sends(c, "2", named); other.User.ID == ada.User.ID || other.User.Username != "ada2" {
		t.Errorf("another user of the same name is %+v", other.User)
	}
	if nameless := p.sends(c, "3", nil); nameless.User.Username != "user" {
		t.Errorf("got %+v", nameless.User)
	}
	ada.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("ada"), Password: harness.Password}).ExpectProblem(403, models.CodeForbidden)
	c.NewAccount("own").Call("GET", "/v1/users/me", nil).ExpectStatus(200)
}

// testSubjects: a subject is what it is to the letter.
func testSubjects(t *testing.T, c *harness.Client, p *product) {
	seen := map[int64]string{}
	for _, subject := range []string{"sub", "SUB", "sub ", " sub", "caf\u00e9", "cafe\u0301", "7", "07", "7.0"} {
		u := p.sends(c, subject, nil).User
		if other, known := seen[u.ID]; known {
			t.Errorf("%q is %q", subject, other)
		}
		seen[u.ID] = subject
	}
}

// testProductNames: with a new token the product says what its user is called; in between the user does.
func testProductNames(t *testing.T, c *harness.Client, p *product) {
	c.SignUp("grace", harness.Password)
	token := p.token("names", jwt.MapClaims{"preferred_username": "mary", "name": "Mary"})
	me := c.WithToken(token)
	named := func(username, shown string) {
		t.Helper()
		if u := harness.Get[models.User](me, "/v1/users/me"); u.Username != username || u.DisplayName != shown {
			t.Errorf("wanted %s (%s), got %+v", username, shown, u)
		}
	}
	named("mary", "Mary")
	me.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: harness.Ptr("Me")}).ExpectStatus(200)
	named("mary", "Me")
	room := me.CreatePublicRoom()
	for _, next := range []struct{ preferred, name, username, shown string }{
		{"", "", "mary", "Me"},
		{"mary", "Mary S.", "mary", "Mary S."},
		{"Mary", "", "Mary", "Mary S."},
		{"grace", "Grace", "Mary", "Grace"},
		{"!!!", "Grace", "Mary", "Grace"},
		{"mary.s@example.org", "\u0000 \u0007", "mary.s", "Grace"},
	} {
		me = c.WithToken(p.token("names", jwt.MapClaims{"preferred_username": next.preferred, "name": next.name}))
		named(next.username, next.shown)
		if m := me.SendText(room.ID, "hello"); m.Sender.Username != next.username || m.Sender.DisplayName != next.shown {
			t.Errorf("after %+v the sender is %+v", next, m.Sender)
		}
	}
	c.Call("GET", "/v1/users/@mary", nil).ExpectProblem(401, models.CodeUnauthenticated)
	me.Call("GET", "/v1/users/@mary", nil).ExpectProblem(404, models.CodeNotFound)
	me.Call("GET", "/v1/users/@mary.s", nil).ExpectStatus(200)
}

func testArrivalsAtOnce(t *testing.T, c *harness.Client, p *product) {
	name := harness.UniqueName("kim")
	users := make([]models.User, 8)
	tokens := [2]string{p.token(name, jwt.MapClaims{"preferred_username": name}), p.token(name, jwt.MapClaims{"preferred_username": name})}
	var wait sync.WaitGroup
	for i := range users {
		wait.Go(func() { c.WithToken(tokens[i%2]).Send("GET", "/v1/users/me", nil).Decode(&users[i]) })
	}
	wait.Wait()
	for _, u := range users {
		if u.ID == 0 || u.ID != users[0].ID {
			t.Errorf("one user is %+v and %+v", users[0], u)
		}
	}
	if sessions := harness.Get[models.Page[models.SessionInfo]](c.WithToken(tokens[0]), "/v1/sessions").Items; len(sessions) != 2 {
		t.Errorf("two tokens are %d sessions", len(sessions))
	}
}

// testProductChat: what the product's users do is what others do.
func testProductChat(t *testing.T, c *harness.Client, p *product) {
	ada, bob := p.sends(c, "chat-ada", nil), c.NewAccount("bob")
	room := ada.CreatePublicRoom(bob)
	mine, theirs := ada.OpenStream(""), bob.OpenStream("")
	sent := ada.SendText(room.ID, "hello", "Idempotency-Key", "once")
	for _, s := range []*harness.Stream{mine, theirs} {
		var got models.Message
		name := models.EventMessageNotification
		if s == mine {
			name = models.EventMessageCreated
		}
		s.Expect(name, &got)
		if got.ID != sent.ID || got.Sender.ID != ada.User.ID {
			t.Errorf("got %+v", got)
		}
	}
	later := p.sends(c, "chat-ada", nil) // who has another token, and is the same caller
	if again := later.SendText(room.ID, "hello", "Idempotency-Key", "once"); again.ID != sent.ID {
		t.Errorf("sent twice: %+v", again)
	}
}

// testTokenLogOut: each token is a session, and a log-out ends that one.
func testTokenLogOut(t *testing.T, c *harness.Client, p *product) {
	one, two := p.sends(c, "out", nil), p.sends(c, "out", nil)
	stream, kept := one.OpenStream(""), two.OpenStream("")
	sessions := harness.Get[models.Page[models.SessionInfo]](one, "/v1/sessions").Items
	if len(sessions) != 2 || sessions[0].Current == sessions[1].Current {
		t.Errorf("got %+v", sessions)
	}
	one.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	stream.Expect(models.EventSessionRevoked, nil)
	stream.ExpectEnd()
	one.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
	// The same token, written in another way: its last letter has bits that nobody reads.
	last := one.AccessToken[len(one.AccessToken)-1]
	for _, letter := range "AQgwBRhxCSiyDTjz" {
		spelled := one.WithToken(one.AccessToken[:len(one.AccessToken)-1] + string(letter))
		if a := spelled.Send("GET", "/v1/users/me", nil); byte(letter) != last && a.HTTP.StatusCode == 200 {
			t.Errorf("a token that was logged out is good when it ends in %q instead of %q", letter, last)
		}
	}
	two.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	kept.Expect(models.EventRoomCreated, nil)
	// From another of the user's sessions.
	for _, s := range harness.Get[models.Page[models.SessionInfo]](two, "/v1/sessions").Items {
		two.Call("DELETE", "/v1/sessions/"+s.ID, nil).ExpectStatus(204)
	}
	kept.Expect(models.EventSessionRevoked, nil)
	if again := p.sends(c, "out", nil); again.User.ID != one.User.ID {
		t.Errorf("after the log-out there comes %+v", again.User)
	}
}

// testTokenOfDeleted: no client makes another account with the token that deleted one. The product can.
func testTokenOfDeleted(t *testing.T, c *harness.Client, p *product) {
	one, two := p.sends(c, "gone", nil), p.sends(c, "gone", nil)
	stream := two.OpenStream("")
	one.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	stream.Expect(models.EventSessionRevoked, nil)
	stream.ExpectEnd()
	one.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
	two.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
	if again := p.sends(c, "gone", nil); again.User.ID == one.User.ID {
		t.Error("the account is back")
	}
}

func testProductIdentities(t *testing.T, c *harness.Client, p *product, social *harness.OIDCProvider) {
	me := p.sends(c, "identity", nil)
	list := identities(me)
	if len(list) != 1 || list[0].Provider != "jwt" || list[0].Issuer != productIssuer || list[0].Subject != "identity" {
		t.Fatalf("got %+v", list)
	}
	me.Call("DELETE", harness.IdentitiesPath+"/"+list[0].ID, nil).ExpectProblem(403, models.CodeForbidden)
	social.LinkIdentityAs(me, harness.OIDCUser{Subject: harness.UniqueName("v"), Username: "v"}).ExpectProblem(403, models.CodeForbidden)
}

// testLinkedProduct: where a setting allows it, a product's user has other ways in, and may go from the product.
func testLinkedProduct(t *testing.T, c *harness.Client, p *product, social *harness.OIDCProvider) {
	me := p.sends(c, "identity", nil)
	list := identities(me)
	v := harness.OIDCUser{Subject: harness.UniqueName("v"), Username: "v"}
	social.LinkIdentityAs(me, v).ExpectStatus(303)
	if u := social.LogIn(c, v).User; u.ID != me.User.ID {
		t.Errorf("the linked log-in is %+v's", u)
	}
	me.Call("DELETE", harness.IdentitiesPath+"/"+list[0].ID, nil).ExpectStatus(204)
	if again := p.sends(c, "identity", nil); again.User.ID == me.User.ID {
		t.Error("what was unlinked opens the account still")
	}
}

// testTokenEnd: nothing that a token has opened is opened once more after its end. That is when the session has ended,
// which is moved here, while no server runs; the token itself would have some time left.
func testTokenEnd(t *testing.T, s *harness.Server, p *product, database string, flags []string) {
	c := harness.NewClient(t, s.URL)
	me := p.sends(c, "end", nil)
	cookie := me.Call("POST", "/v1/events/cookie", nil).ExpectStatus(204).HTTP.Cookies()[0]
	pair := cookie.Name + "=" + cookie.Value
	c.WithoutToken().Call("GET", "/v1/events", nil, "Cookie", pair, "Accept", "application/json").ExpectStatus(200)
	s.Stop()
	harness.Execute(t, database, fmt.Sprintf("UPDATE sessions SET expires_at = %d WHERE vouched", time.Now().UnixMilli()))
	c = harness.NewClient(t, harness.StartServer(t, database, flags...).URL)
	me = me.AtServer(c.URL)
	me.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeTokenExpired)
	c.WithoutToken().Call("GET", "/v1/events", nil, "Cookie", pair, "Accept", "application/json").ExpectProblem(401, models.CodeTokenExpired)
	if again := p.sends(c, "end", nil); again.User.ID != me.User.ID {
		t.Errorf("with another token there comes %+v", again.User)
	}
	// One that has run out already, by a clock that is right, and is taken for a few seconds more.
	last := p.sends(c, "end", jwt.MapClaims{"exp": time.Now().Add(-25 * time.Second).Unix()})
	cookie = last.Call("POST", "/v1/events/cookie", nil).ExpectStatus(204).HTTP.Cookies()[0]
	harness.Eventually(t, "the cookie goes with its token", func() bool {
		a := c.WithoutToken().Call("GET", "/v1/events", nil, "Cookie", cookie.Name+"="+cookie.Value, "Accept", "application/json")
		return a.HTTP.StatusCode == 401
	})
}

// TestOwnUsersSecret: a product may share a secret instead of showing keys.
func TestOwnUsersSecret(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("secret! ", 4)
	s := harness.StartServer(t, harness.NewSQLite(t), "--jwt-issuer", productIssuer, "--jwt-audience", productAudience, "--jwt-secret", secret)
	c := harness.NewClient(t, s.URL)
	signed := func(method jwt.SigningMethod, secret string) *harness.Client {
		return c.WithToken(signedBy(t, method, []byte(secret), nil, claimsOf("1", nil)))
	}
	signed(jwt.SigningMethodHS256, secret).Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	signed(jwt.SigningMethodHS512, secret).Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
	signed(jwt.SigningMethodHS256, secret+"x").Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
	signed(jwt.SigningMethodHS256, "").Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
}

// TestOwnUsersExample runs the commands of docs/authentication.md, as they stand there, at a server of the test.
func TestOwnUsersExample(t *testing.T) {
	t.Parallel()
	harness.NeedProgram(t, "bash")
	harness.NeedProgram(t, "openssl")
	harness.NeedProgram(t, "curl")
	section := harness.ReadSection(t, "docs/authentication.md", "Your own users")
	blocks := harness.FencedBlock.FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 {
		t.Fatalf("the section has %d blocks", len(blocks))
	}
	secret := strings.Repeat("secret! ", 4)
	_, command, _ := strings.Cut(blocks[0][2], "bin/parley serve ")
	flags := strings.Fields(command)
	s := harness.StartServer(t, harness.NewSQLite(t), append(flags, "--jwt-secret", secret)...)
	commands := "export PARLEY_JWT_SECRET='" + secret + "'\n" + strings.ReplaceAll(blocks[1][2], "http://"+harness.TourAddress, s.URL)
	var ada models.User
	printed := harness.RunIn(t, ".", harness.Timeout, "bash", "-euc", commands)
	if err := json.Unmarshal(printed, &ada); err != nil || ada.Username != "ada" || ada.DisplayName != "Ada" {
		t.Errorf("the example prints %s (%v)", printed, err)
	}
}

// TestNoOwnUsers: a server that no setting names an issuer to takes nobody's tokens.
func TestNoOwnUsers(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	c := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t)).URL)
	c.WithToken(p.token("1", nil)).Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
	if p.timesAsked() != 0 {
		t.Error("the keys were fetched")
	}
}
