package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/parley-chat/parley/models"
)

// TestOwnUsers has the users of a product come with the product's own tokens, beside those of Parley.
func TestOwnUsers(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		p, social := newProduct(t), newProvider(t)
		flags := append(p.flags(), "--lobby", "lobby", "--presence-room-limit", "0", "--oidc", social.setting("mock"))
		s := startServer(t, database, flags...)
		for _, sc := range []struct {
			name string
			play func(t *testing.T, c *client, p *product)
		}{
			{"the first time, and again", testArrival},
			{"all at once", testArrivalsAtOnce},
			{"a chat", testProductChat},
			{"log-out", testTokenLogOut},
			{"other names", testProductNames},
			{"subjects that look alike", testSubjects},
			{"the end of an account", testTokenOfDeleted},
		} {
			t.Run(sc.name, func(t *testing.T) { sc.play(t, newClient(t, s.url), p) })
		}
		t.Run("identities", func(t *testing.T) { testProductIdentities(t, newClient(t, s.url), p, social) })
		t.Run("the end of a token", func(t *testing.T) { testTokenEnd(t, s, p, database, flags) })
	})
}

func testArrival(t *testing.T, c *client, p *product) {
	named := jwt.MapClaims{"preferred_username": "ada", "name": "Ada Lovelace"}
	ada := p.sends(c, "1", named)
	if u := ada.User; u.Username != "ada" || u.DisplayName != "Ada Lovelace" || u.Guest {
		t.Errorf("got %+v", u)
	}
	if ada.look(get[models.Room](ada, "/v1/rooms/%23lobby").ID).Membership == nil {
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
	ada.call("POST", "/v1/users", models.NewUser{Username: unique("ada"), Password: password}).problem(403, models.CodeForbidden)
	c.account("own").call("GET", "/v1/users/me", nil).status(200)
}

// testSubjects: a subject is what it is to the letter.
func testSubjects(t *testing.T, c *client, p *product) {
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
func testProductNames(t *testing.T, c *client, p *product) {
	c.signUp("grace", password)
	token := p.token("names", jwt.MapClaims{"preferred_username": "mary", "name": "Mary"})
	me := c.as(token)
	named := func(username, shown string) {
		t.Helper()
		if u := get[models.User](me, "/v1/users/me"); u.Username != username || u.DisplayName != shown {
			t.Errorf("wanted %s (%s), got %+v", username, shown, u)
		}
	}
	named("mary", "Mary")
	me.call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: ptr("Me")}).status(200)
	named("mary", "Me")
	room := me.publicRoom()
	for _, next := range []struct{ preferred, name, username, shown string }{
		{"", "", "mary", "Me"},
		{"mary", "Mary S.", "mary", "Mary S."},
		{"Mary", "", "Mary", "Mary S."},
		{"grace", "Grace", "Mary", "Grace"},
		{"!!!", "Grace", "Mary", "Grace"},
		{"mary.s@example.org", "\u0000 \u0007", "mary.s", "Grace"},
	} {
		me = c.as(p.token("names", jwt.MapClaims{"preferred_username": next.preferred, "name": next.name}))
		named(next.username, next.shown)
		if m := me.say(room.ID, "hello"); m.Sender.Username != next.username || m.Sender.DisplayName != next.shown {
			t.Errorf("after %+v the sender is %+v", next, m.Sender)
		}
	}
	c.call("GET", "/v1/users/@mary", nil).problem(401, models.CodeUnauthenticated)
	me.call("GET", "/v1/users/@mary", nil).problem(404, models.CodeNotFound)
	me.call("GET", "/v1/users/@mary.s", nil).status(200)
}

func testArrivalsAtOnce(t *testing.T, c *client, p *product) {
	name := unique("kim")
	users := make([]models.User, 8)
	tokens := [2]string{p.token(name, jwt.MapClaims{"preferred_username": name}), p.token(name, jwt.MapClaims{"preferred_username": name})}
	var wait sync.WaitGroup
	for i := range users {
		wait.Go(func() { c.as(tokens[i%2]).send("GET", "/v1/users/me", nil).into(&users[i]) })
	}
	wait.Wait()
	for _, u := range users {
		if u.ID == 0 || u.ID != users[0].ID {
			t.Errorf("one user is %+v and %+v", users[0], u)
		}
	}
	if sessions := get[models.Page[models.SessionInfo]](c.as(tokens[0]), "/v1/sessions").Items; len(sessions) != 2 {
		t.Errorf("two tokens are %d sessions", len(sessions))
	}
}

// testProductChat: what the product's users do is what others do.
func testProductChat(t *testing.T, c *client, p *product) {
	ada, bob := p.sends(c, "chat-ada", nil), c.account("bob")
	room := ada.publicRoom(bob)
	mine, theirs := ada.open(""), bob.open("")
	sent := ada.say(room.ID, "hello", "Idempotency-Key", "once")
	for _, s := range []*stream{mine, theirs} {
		var got models.Message
		name := models.EventMessageNotification
		if s == mine {
			name = models.EventMessageCreated
		}
		s.expect(name, &got)
		if got.ID != sent.ID || got.Sender.ID != ada.User.ID {
			t.Errorf("got %+v", got)
		}
	}
	later := p.sends(c, "chat-ada", nil) // who has another token, and is the same caller
	if again := later.say(room.ID, "hello", "Idempotency-Key", "once"); again.ID != sent.ID {
		t.Errorf("sent twice: %+v", again)
	}
}

// testTokenLogOut: each token is a session, and a log-out ends that one.
func testTokenLogOut(t *testing.T, c *client, p *product) {
	one, two := p.sends(c, "out", nil), p.sends(c, "out", nil)
	stream, kept := one.open(""), two.open("")
	sessions := get[models.Page[models.SessionInfo]](one, "/v1/sessions").Items
	if len(sessions) != 2 || sessions[0].Current == sessions[1].Current {
		t.Errorf("got %+v", sessions)
	}
	one.call("DELETE", "/v1/sessions/current", nil).status(204)
	stream.expect(models.EventSessionRevoked, nil)
	stream.end()
	one.call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)
	// The same token, written in another way: its last letter has bits that nobody reads.
	last := one.AccessToken[len(one.AccessToken)-1]
	for _, letter := range "AQgwBRhxCSiyDTjz" {
		spelled := one.as(one.AccessToken[:len(one.AccessToken)-1] + string(letter))
		if a := spelled.send("GET", "/v1/users/me", nil); byte(letter) != last && a.response.StatusCode == 200 {
			t.Errorf("a token that was logged out is good when it ends in %q instead of %q", letter, last)
		}
	}
	two.room(models.NewRoom{Name: ptr("room")})
	kept.expect(models.EventRoomCreated, nil)
	// From another of the user's sessions.
	for _, s := range get[models.Page[models.SessionInfo]](two, "/v1/sessions").Items {
		two.call("DELETE", "/v1/sessions/"+s.ID, nil).status(204)
	}
	kept.expect(models.EventSessionRevoked, nil)
	if again := p.sends(c, "out", nil); again.User.ID != one.User.ID {
		t.Errorf("after the log-out there comes %+v", again.User)
	}
}

// testTokenOfDeleted: no client makes another account with the token that deleted one. The product can.
func testTokenOfDeleted(t *testing.T, c *client, p *product) {
	one, two := p.sends(c, "gone", nil), p.sends(c, "gone", nil)
	stream := two.open("")
	one.call("DELETE", "/v1/users/me", nil).status(204)
	stream.expect(models.EventSessionRevoked, nil)
	stream.end()
	one.call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)
	two.call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)
	if again := p.sends(c, "gone", nil); again.User.ID == one.User.ID {
		t.Error("the account is back")
	}
}

func testProductIdentities(t *testing.T, c *client, p *product, social *provider) {
	me := p.sends(c, "identity", nil)
	list := me.identities()
	if len(list) != 1 || list[0].Provider != "jwt" || list[0].Issuer != productIssuer || list[0].Subject != "identity" {
		t.Fatalf("got %+v", list)
	}
	me.call("DELETE", identitiesPath+"/"+list[0].ID, nil).problem(403, models.CodeForbidden)
	social.linksWith(me, visitor{subject: unique("v"), username: "v"}).problem(403, models.CodeForbidden)
}

// testLinkedProduct: where a setting allows it, a product's user has other ways in, and may go from the product.
func testLinkedProduct(t *testing.T, c *client, p *product, social *provider) {
	me := p.sends(c, "identity", nil)
	list := me.identities()
	v := visitor{subject: unique("v"), username: "v"}
	social.linksWith(me, v).status(303)
	if u := social.logsIn(c, v).User; u.ID != me.User.ID {
		t.Errorf("the linked log-in is %+v's", u)
	}
	me.call("DELETE", identitiesPath+"/"+list[0].ID, nil).status(204)
	if again := p.sends(c, "identity", nil); again.User.ID == me.User.ID {
		t.Error("what was unlinked opens the account still")
	}
}

// testTokenEnd: nothing that a token has opened is opened once more after its end. That is when the session has ended, which
// is moved here, while no server runs; the token itself would have some time left.
func testTokenEnd(t *testing.T, s *testServer, p *product, database string, flags []string) {
	c := newClient(t, s.url)
	me := p.sends(c, "end", nil)
	cookie := me.call("POST", "/v1/events/cookie", nil).status(204).response.Cookies()[0]
	pair := cookie.Name + "=" + cookie.Value
	c.nobody().call("GET", "/v1/events", nil, "Cookie", pair, "Accept", "application/json").status(200)
	s.halt()
	execute(t, database, fmt.Sprintf("UPDATE sessions SET expires_at = %d WHERE vouched", time.Now().UnixMilli()))
	c = newClient(t, startServer(t, database, flags...).url)
	me = me.at(c.url)
	me.call("GET", "/v1/users/me", nil).problem(401, models.CodeTokenExpired)
	c.nobody().call("GET", "/v1/events", nil, "Cookie", pair, "Accept", "application/json").problem(401, models.CodeTokenExpired)
	if again := p.sends(c, "end", nil); again.User.ID != me.User.ID {
		t.Errorf("with another token there comes %+v", again.User)
	}
	// One that has run out already, by a clock that is right, and is taken for a few seconds more.
	last := p.sends(c, "end", jwt.MapClaims{"exp": time.Now().Add(-25 * time.Second).Unix()})
	cookie = last.call("POST", "/v1/events/cookie", nil).status(204).response.Cookies()[0]
	eventually(t, "the cookie goes with its token", func() bool {
		a := c.nobody().call("GET", "/v1/events", nil, "Cookie", cookie.Name+"="+cookie.Value, "Accept", "application/json")
		return a.response.StatusCode == 401
	})
}

// TestOwnUsersSecret: a product may share a secret instead of showing keys.
func TestOwnUsersSecret(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("secret! ", 4)
	s := startServer(t, newSQLite(t), "--jwt-issuer", productIssuer, "--jwt-audience", productAudience, "--jwt-secret", secret)
	c := newClient(t, s.url)
	signed := func(method jwt.SigningMethod, secret string) *client {
		return c.as(signedBy(t, method, []byte(secret), nil, claimsOf("1", nil)))
	}
	signed(jwt.SigningMethodHS256, secret).call("GET", "/v1/users/me", nil).status(200)
	signed(jwt.SigningMethodHS512, secret).call("GET", "/v1/users/me", nil).problem(401, models.CodeUnauthenticated)
	signed(jwt.SigningMethodHS256, secret+"x").call("GET", "/v1/users/me", nil).problem(401, models.CodeUnauthenticated)
	signed(jwt.SigningMethodHS256, "").call("GET", "/v1/users/me", nil).problem(401, models.CodeUnauthenticated)
}

// TestOwnUsersExample runs the commands of docs/authentication.md, as they stand there, at a server of the test.
func TestOwnUsersExample(t *testing.T) {
	t.Parallel()
	needProgram(t, "bash")
	needProgram(t, "openssl")
	needProgram(t, "curl")
	blocks := fencedBlock.FindAllStringSubmatch(readSection(t, "docs/authentication.md", "Your own users"), -1)
	if len(blocks) != 2 {
		t.Fatalf("the section has %d blocks", len(blocks))
	}
	secret := strings.Repeat("secret! ", 4)
	_, command, _ := strings.Cut(blocks[0][2], "bin/parley serve ")
	flags := strings.Fields(command)
	s := startServer(t, newSQLite(t), append(flags, "--jwt-secret", secret)...)
	commands := "export PARLEY_JWT_SECRET='" + secret + "'\n" + strings.ReplaceAll(blocks[1][2], "http://"+tourAddress, s.url)
	var ada models.User
	printed := runIn(t, ".", patience, "bash", "-euc", commands)
	if err := json.Unmarshal(printed, &ada); err != nil || ada.Username != "ada" || ada.DisplayName != "Ada" {
		t.Errorf("the example prints %s (%v)", printed, err)
	}
}

// TestNoOwnUsers: a server that no setting names an issuer to takes nobody's tokens.
func TestNoOwnUsers(t *testing.T) {
	t.Parallel()
	p := newProduct(t)
	c := newClient(t, startServer(t, newSQLite(t)).url)
	c.as(p.token("1", nil)).call("GET", "/v1/users/me", nil).problem(401, models.CodeUnauthenticated)
	if p.timesAsked() != 0 {
		t.Error("the keys were fetched")
	}
}
