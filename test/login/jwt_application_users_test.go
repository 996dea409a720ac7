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

// TestApplicationUsers: users of an application use Parley with the application's tokens, beside users of Parley.
func TestApplicationUsers(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		issuer, social := newTokenIssuer(t), harness.NewOIDCProvider(t)
		flags := append(issuer.flags(), "--lobby", "lobby", "--presence-room-limit", "0", "--oidc", social.Flag("mock"))
		s := harness.StartServer(t, database, flags...)
		for _, sc := range []struct {
			name string
			play func(t *testing.T, c *harness.Client, issuer *tokenIssuer)
		}{
			{"first and second token", testFirstToken},
			{"concurrent first tokens", testConcurrentFirstTokens},
			{"chatting", testApplicationUserChats},
			{"log-out", testTokenLogOut},
			{"names from tokens", testNamesFromTokens},
			{"similar subjects", testSubjectsAreExact},
			{"a deleted account", testTokenOfDeletedAccount},
		} {
			t.Run(sc.name, func(t *testing.T) { sc.play(t, harness.NewClient(t, s.URL), issuer) })
		}
		t.Run("identities", func(t *testing.T) { testApplicationIdentity(t, harness.NewClient(t, s.URL), issuer, social) })
		t.Run("an expired token", func(t *testing.T) { testTokenExpiry(t, s, issuer, database, flags) })
	})
}

func testFirstToken(t *testing.T, c *harness.Client, issuer *tokenIssuer) {
	named := jwt.MapClaims{"preferred_username": "ada", "name": "Ada Lovelace"}
	ada := issuer.clientFor(c, "1", named)
	if u := ada.User; u.Username != "ada" || u.DisplayName != "Ada Lovelace" || u.Guest {
		t.Errorf("got %+v", u)
	}
	if ada.GetRoom(harness.Get[models.Room](ada, "/v1/rooms/%23lobby").ID).Membership == nil {
		t.Error("the new user is not in the lobby")
	}
	if again := issuer.clientFor(c, "1", jwt.MapClaims{"preferred_username": "other",
		"aud": []string{"other", issuerAudience}}); again.User.ID != ada.User.ID || again.User.Username != "other" ||
		again.User.DisplayName != "Ada Lovelace" {
		t.Errorf("another token of the same user gives %+v", again.User)
	}
	issuer.clientFor(c, "1", named)
	if other := issuer.clientFor(c, "2", named); other.User.ID == ada.User.ID || other.User.Username != "ada2" {
		t.Errorf("another user of the same name is %+v", other.User)
	}
	if nameless := issuer.clientFor(c, "3", nil); nameless.User.Username != "user" {
		t.Errorf("got %+v", nameless.User)
	}
	ada.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("ada"), Password: harness.Password}).
		ExpectProblem(403, models.CodeForbidden)
	c.NewAccount("own").Call("GET", "/v1/users/me", nil).ExpectStatus(200)
}

// testSubjectsAreExact: subjects are compared byte by byte.
func testSubjectsAreExact(t *testing.T, c *harness.Client, issuer *tokenIssuer) {
	seen := map[int64]string{}
	for _, subject := range []string{"sub", "SUB", "sub ", " sub", "caf\u00e9", "cafe\u0301", "7", "07", "7.0"} {
		u := issuer.clientFor(c, subject, nil).User
		if other, known := seen[u.ID]; known {
			t.Errorf("%q is the same user as %q", subject, other)
		}
		seen[u.ID] = subject
	}
}

// testNamesFromTokens: a token with other names than the last one changes the user's names. In between the user can
// change them.
func testNamesFromTokens(t *testing.T, c *harness.Client, issuer *tokenIssuer) {
	c.SignUp("grace", harness.Password)
	token := issuer.token("names", jwt.MapClaims{"preferred_username": "mary", "name": "Mary"})
	me := c.WithToken(token)
	expectNames := func(username, displayName string) {
		t.Helper()
		if u := harness.Get[models.User](me, "/v1/users/me"); u.Username != username || u.DisplayName != displayName {
			t.Errorf("want %s (%s), got %+v", username, displayName, u)
		}
	}
	expectNames("mary", "Mary")
	me.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: harness.Ptr("Me")}).ExpectStatus(200)
	expectNames("mary", "Me")
	room := me.CreatePublicRoom()
	for _, next := range []struct{ preferred, name, wantUsername, wantDisplayName string }{
		{"", "", "mary", "Me"},
		{"mary", "Mary S.", "mary", "Mary S."},
		{"Mary", "", "Mary", "Mary S."},
		{"grace", "Grace", "Mary", "Grace"},
		{"!!!", "Grace", "Mary", "Grace"},
		{"mary.s@example.org", "\u0000 \u0007", "mary.s", "Grace"},
	} {
		me = c.WithToken(issuer.token("names", jwt.MapClaims{"preferred_username": next.preferred, "name": next.name}))
		expectNames(next.wantUsername, next.wantDisplayName)
		if m := me.SendText(room.ID, "hello"); m.Sender.Username != next.wantUsername ||
			m.Sender.DisplayName != next.wantDisplayName {
			t.Errorf("after %+v the sender is %+v", next, m.Sender)
		}
	}
	c.Call("GET", "/v1/users/@mary", nil).ExpectProblem(401, models.CodeUnauthenticated)
	me.Call("GET", "/v1/users/@mary", nil).ExpectProblem(404, models.CodeNotFound)
	me.Call("GET", "/v1/users/@mary.s", nil).ExpectStatus(200)
}

func testConcurrentFirstTokens(t *testing.T, c *harness.Client, issuer *tokenIssuer) {
	name := harness.UniqueName("kim")
	users := make([]models.User, 8)
	tokens := [2]string{issuer.token(name, jwt.MapClaims{"preferred_username": name}),
		issuer.token(name, jwt.MapClaims{"preferred_username": name})}
	var wait sync.WaitGroup
	for i := range users {
		wait.Go(func() { c.WithToken(tokens[i%2]).Send("GET", "/v1/users/me", nil).Decode(&users[i]) })
	}
	wait.Wait()
	for _, u := range users {
		if u.ID == 0 || u.ID != users[0].ID {
			t.Errorf("the same subject is %+v and %+v", users[0], u)
		}
	}
	if sessions := harness.Get[models.Page[models.SessionInfo]](c.WithToken(tokens[0]),
		"/v1/sessions").Items; len(sessions) != 2 {
		t.Errorf("two tokens give %d sessions, want 2", len(sessions))
	}
}

// testApplicationUserChats: users of an application can do what other users can.
func testApplicationUserChats(t *testing.T, c *harness.Client, issuer *tokenIssuer) {
	ada, bob := issuer.clientFor(c, "chat-ada", nil), c.NewAccount("bob")
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
	later := issuer.clientFor(c, "chat-ada", nil) // another token, but the same user
	if again := later.SendText(room.ID, "hello", "Idempotency-Key", "once"); again.ID != sent.ID {
		t.Errorf("the message was sent twice: %+v", again)
	}
}

// testTokenLogOut: each token is a session, and a log-out ends only that session.
func testTokenLogOut(t *testing.T, c *harness.Client, issuer *tokenIssuer) {
	one, two := issuer.clientFor(c, "out", nil), issuer.clientFor(c, "out", nil)
	stream, kept := one.OpenStream(""), two.OpenStream("")
	sessions := harness.Get[models.Page[models.SessionInfo]](one, "/v1/sessions").Items
	if len(sessions) != 2 || sessions[0].Current == sessions[1].Current {
		t.Errorf("got %+v", sessions)
	}
	one.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	stream.Expect(models.EventSessionRevoked, nil)
	stream.ExpectEnd()
	one.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
	// The same token in another encoding: the last base64 character has unused bits.
	last := one.AccessToken[len(one.AccessToken)-1]
	for _, letter := range "AQgwBRhxCSiyDTjz" {
		variant := one.WithToken(one.AccessToken[:len(one.AccessToken)-1] + string(letter))
		if a := variant.Send("GET", "/v1/users/me", nil); byte(letter) != last && a.HTTP.StatusCode == 200 {
			t.Errorf("a logged-out token is accepted when it ends in %q instead of %q", letter, last)
		}
	}
	two.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	kept.Expect(models.EventRoomCreated, nil)
	// Another session of the user can end them, too.
	for _, s := range harness.Get[models.Page[models.SessionInfo]](two, "/v1/sessions").Items {
		two.Call("DELETE", "/v1/sessions/"+s.ID, nil).ExpectStatus(204)
	}
	kept.Expect(models.EventSessionRevoked, nil)
	if again := issuer.clientFor(c, "out", nil); again.User.ID != one.User.ID {
		t.Errorf("after the log-out a new token gives %+v", again.User)
	}
}

// testTokenOfDeletedAccount: the token that deleted an account cannot create another one. A new token can.
func testTokenOfDeletedAccount(t *testing.T, c *harness.Client, issuer *tokenIssuer) {
	one, two := issuer.clientFor(c, "gone", nil), issuer.clientFor(c, "gone", nil)
	stream := two.OpenStream("")
	one.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	stream.Expect(models.EventSessionRevoked, nil)
	stream.ExpectEnd()
	one.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
	two.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
	if again := issuer.clientFor(c, "gone", nil); again.User.ID == one.User.ID {
		t.Error("the deleted account was restored")
	}
}

func testApplicationIdentity(t *testing.T, c *harness.Client, issuer *tokenIssuer, social *harness.OIDCProvider) {
	me := issuer.clientFor(c, "identity", nil)
	list := identities(me)
	if len(list) != 1 || list[0].Provider != "jwt" || list[0].Issuer != issuerName || list[0].Subject != "identity" {
		t.Fatalf("got %+v", list)
	}
	me.Call("DELETE", harness.IdentitiesPath+"/"+list[0].ID, nil).ExpectProblem(403, models.CodeForbidden)
	social.LinkIdentityAs(me, harness.OIDCUser{Subject: harness.UniqueName("v"), Username: "v"}).
		ExpectProblem(403, models.CodeForbidden)
}

// testLinkedApplicationUser: with --jwt-link a user can link other identities, and unlink the application's.
func testLinkedApplicationUser(t *testing.T, c *harness.Client, issuer *tokenIssuer, social *harness.OIDCProvider) {
	me := issuer.clientFor(c, "identity", nil)
	list := identities(me)
	v := harness.OIDCUser{Subject: harness.UniqueName("v"), Username: "v"}
	social.LinkIdentityAs(me, v).ExpectStatus(303)
	if u := social.LogIn(c, v).User; u.ID != me.User.ID {
		t.Errorf("the linked log-in opens the account of %+v", u)
	}
	me.Call("DELETE", harness.IdentitiesPath+"/"+list[0].ID, nil).ExpectStatus(204)
	if again := issuer.clientFor(c, "identity", nil); again.User.ID == me.User.ID {
		t.Error("the unlinked identity still opens the account")
	}
}

// testTokenExpiry: after the expiry of a token its session and its stream cookie are refused. The test moves the
// expiry of the session back while no server runs; the token itself is not expired yet.
func testTokenExpiry(t *testing.T, s *harness.Server, issuer *tokenIssuer, database string, flags []string) {
	c := harness.NewClient(t, s.URL)
	me := issuer.clientFor(c, "end", nil)
	cookie := me.Call("POST", "/v1/events/cookie", nil).ExpectStatus(204).HTTP.Cookies()[0]
	pair := cookie.Name + "=" + cookie.Value
	c.WithoutToken().Call("GET", "/v1/events/log", nil, "Cookie", pair).ExpectStatus(200)
	s.Stop()
	harness.Execute(t, database, fmt.Sprintf("UPDATE sessions SET expires_at = %d WHERE vouched", time.Now().UnixMilli()))
	c = harness.NewClient(t, harness.StartServer(t, database, flags...).URL)
	me = me.AtServer(c.URL)
	me.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeTokenExpired)
	c.WithoutToken().Call("GET", "/v1/events/log", nil, "Cookie", pair).
		ExpectProblem(401, models.CodeTokenExpired)
	if again := issuer.clientFor(c, "end", nil); again.User.ID != me.User.ID {
		t.Errorf("another token of the same user gives %+v", again.User)
	}
	// An expired token that is still accepted within the tolerance for clock differences.
	last := issuer.clientFor(c, "end", jwt.MapClaims{"exp": time.Now().Add(-25 * time.Second).Unix()})
	cookie = last.Call("POST", "/v1/events/cookie", nil).ExpectStatus(204).HTTP.Cookies()[0]
	harness.Eventually(t, "the cookie expires with its token", func() bool {
		a := c.WithoutToken().Call("GET", "/v1/events/log", nil, "Cookie", cookie.Name+"="+cookie.Value)
		return a.HTTP.StatusCode == 401
	})
}

// TestJWTSecret: an application can share a secret instead of serving public keys.
func TestJWTSecret(t *testing.T) {
	t.Parallel()
	secret := strings.Repeat("secret! ", 4)
	s := harness.StartServer(t, harness.NewSQLite(t), "--jwt-issuer", issuerName, "--jwt-audience", issuerAudience,
		"--jwt-secret", secret)
	c := harness.NewClient(t, s.URL)
	signed := func(method jwt.SigningMethod, secret string) *harness.Client {
		return c.WithToken(signToken(t, method, []byte(secret), nil, tokenClaims("1", nil)))
	}
	signed(jwt.SigningMethodHS256, secret).Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	signed(jwt.SigningMethodHS512, secret).Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
	signed(jwt.SigningMethodHS256, secret+"x").Call("GET", "/v1/users/me", nil).
		ExpectProblem(401, models.CodeUnauthenticated)
	signed(jwt.SigningMethodHS256, "").Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
}

// TestOwnUsersExample runs the commands of docs/authentication.md unchanged against a test server.
func TestOwnUsersExample(t *testing.T) {
	t.Parallel()
	harness.NeedProgram(t, "bash")
	harness.NeedProgram(t, "openssl")
	harness.NeedProgram(t, "curl")
	section := harness.ReadSection(t, "docs/authentication.md", "Your own users")
	blocks := harness.FencedBlock.FindAllStringSubmatch(section, -1)
	if len(blocks) != 2 {
		t.Fatalf("the section has %d code blocks, want 2", len(blocks))
	}
	secret := strings.Repeat("secret! ", 4)
	_, command, _ := strings.Cut(blocks[0][2], "bin/parley serve ")
	flags := strings.Fields(command)
	s := harness.StartServer(t, harness.NewSQLite(t), append(flags, "--jwt-secret", secret)...)
	commands := "export PARLEY_JWT_SECRET='" + secret + "'\n" +
		strings.ReplaceAll(blocks[1][2], "http://"+harness.DocumentedAddress, s.URL)
	var ada models.User
	printed := harness.RunCommand(t, ".", harness.Timeout, "bash", "-euc", commands)
	if err := json.Unmarshal(printed, &ada); err != nil || ada.Username != "ada" || ada.DisplayName != "Ada" {
		t.Errorf("the example prints %s (%v)", printed, err)
	}
}

// TestTokensAreRefusedWithoutIssuer: a server without --jwt-issuer accepts no application's tokens.
func TestTokensAreRefusedWithoutIssuer(t *testing.T) {
	t.Parallel()
	issuer := newTokenIssuer(t)
	c := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t)).URL)
	c.WithToken(issuer.token("1", nil)).Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeUnauthenticated)
	if issuer.keyRequestCount() != 0 {
		t.Error("the server fetched keys of an issuer that is not configured")
	}
}
