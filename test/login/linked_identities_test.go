package login

import (
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestLinkedIdentities links accounts with identities of a provider, and unlinks them.
func TestLinkedIdentities(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := harness.NewOIDCProvider(t)
		s := harness.StartServer(t, database, "--oidc", p.Flag("mock"))
		for _, sc := range []struct {
			name string
			play func(t *testing.T, c *harness.Client, p *harness.OIDCProvider)
		}{
			{"link an account", testLinkAccount},
			{"an identity of another account", testLinkTakenIdentity},
			{"link a guest", testLinkGuest},
			{"the last log-in method", testLastLogInMethod},
			{"a first password", testFirstPassword},
			{"link after log-out", testLinkAfterLogOut},
			{"a deleted account", testIdentityOfDeletedAccount},
			{"concurrent first log-ins", testConcurrentFirstLogIns},
		} {
			t.Run(sc.name, func(t *testing.T) { sc.play(t, harness.NewClient(t, s.URL), p) })
		}
	})
}

func identities(c *harness.Client) []models.Identity {
	c.T.Helper()
	return harness.Get[models.Page[models.Identity]](c, harness.IdentitiesPath).Items
}

func testLinkAccount(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	me := c.NewAccount("ada")
	if list := identities(me); len(list) != 0 {
		t.Errorf("a new account has the identities %+v", list)
	}
	ada := harness.OIDCUser{Subject: harness.UniqueName("ada"), Username: "other-name"}

	// The web page requests the URL with its token. The browser then opens it without the token.
	b := c.NewBrowser()
	var start struct{ URL string }
	b.AccessToken = me.AccessToken
	b.Call("GET", "/v1/auth/mock?redirect=/%23/me", nil, "Accept", "application/json").ExpectStatus(200).Decode(&start)
	b.AccessToken = ""
	if to := b.Call("GET", p.Authorize(b, start.URL, ada), nil).ExpectStatus(303).Header("Location"); to != "/#/me" {
		t.Errorf("after linking the browser is redirected to %q", to)
	}
	list := identities(me)
	if len(list) != 1 || list[0].ID == "" || list[0].Provider != "mock" || list[0].Issuer != p.Issuer() ||
		list[0].Subject != ada.Subject ||
		list[0].CreatedAt.IsZero() {
		t.Fatalf("got %+v", list)
	}
	if u := p.LogIn(c, ada).User; u.ID != me.User.ID || u.Username != me.User.Username {
		t.Errorf("the linked log-in opens the account of %+v", u)
	}
	p.LinkIdentityAs(me, ada).ExpectStatus(303) // linking again changes nothing
	other := p.LinkIdentity(me)
	me.Call("DELETE", harness.IdentitiesPath+"/"+list[0].ID, nil).ExpectStatus(204)
	me.Call("DELETE", harness.IdentitiesPath+"/"+list[0].ID, nil).ExpectStatus(204)
	if left := identities(me); len(left) != 1 || left[0].ID != other {
		t.Errorf("after unlinking one of two identities: %+v", left)
	}
	if u := p.LogIn(c, ada).User; u.ID == me.User.ID {
		t.Error("the unlinked identity still opens the account")
	}
}

func testLinkTakenIdentity(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	ada := harness.OIDCUser{Subject: harness.UniqueName("ada"), Username: "ada"}
	owner, thief := p.LogIn(c, ada), c.NewAccount("thief")
	p.LinkIdentityAs(thief, ada).ExpectProblem(409, models.CodeUsernameTaken)
	if list := identities(thief); len(list) != 0 {
		t.Errorf("got %+v", list)
	}
	if u := p.LogIn(c, ada).User; u.ID != owner.User.ID {
		t.Errorf("the log-in now opens the account of %+v", u)
	}
	theirs := identities(owner)[0].ID
	thief.Call("DELETE", harness.IdentitiesPath+"/"+theirs, nil).ExpectStatus(204) // none of theirs
	if left := identities(owner); len(left) != 1 {
		t.Errorf("another user has unlinked it: %+v", left)
	}
}

func testLinkGuest(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	guest := c.NewGuest("guest")
	room := guest.CreatePublicRoom()
	taken := harness.OIDCUser{Subject: harness.UniqueName("taken")}
	p.LogIn(c, taken)
	p.LinkIdentityAs(guest, taken).ExpectProblem(409, models.CodeUsernameTaken)
	if me := harness.Get[models.User](guest, "/v1/users/me"); !me.Guest {
		t.Error("linking a taken identity made the guest an account")
	}
	ada := harness.OIDCUser{Subject: harness.UniqueName("ada"), Username: "other-name"}
	p.LinkIdentityAs(guest, ada).ExpectStatus(303)
	me := harness.Get[models.User](guest, "/v1/users/me")
	if me.Guest || me.ID != guest.User.ID || me.Username != guest.User.Username {
		t.Errorf("after linking the guest is %+v", me)
	}
	if again := p.LogIn(c, ada); again.GetRoom(room.ID).Membership.Role != models.RoleOwner {
		t.Error("the upgraded guest is not the owner of their room")
	}
}

func testLastLogInMethod(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	me := p.LogIn(c, harness.OIDCUser{Subject: harness.UniqueName("ada"), Username: "ada"})
	first := identities(me)[0].ID
	me.Call("DELETE", harness.IdentitiesPath+"/"+first, nil).ExpectProblem(403, models.CodeForbidden)
	second := p.LinkIdentity(me)
	// Of two concurrent requests one is refused: it would remove the last log-in method.
	var wait sync.WaitGroup
	statuses := make(chan int, 2)
	for _, id := range []string{first, second} {
		wait.Go(func() { statuses <- me.Send("DELETE", harness.IdentitiesPath+"/"+id, nil).HTTP.StatusCode })
	}
	wait.Wait()
	if one, other := <-statuses, <-statuses; one+other != 204+403 {
		t.Errorf("the requests got the statuses %d and %d, want 204 and 403", one, other)
	}
	if n := len(identities(me)); n != 1 {
		t.Errorf("%d identities are left, want 1", n)
	}
}

func testFirstPassword(_ *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	const path = "/v1/users/me/password"
	me := p.LogIn(c, harness.OIDCUser{Subject: harness.UniqueName("ada"), Username: harness.UniqueName("ada")})
	c.Call("POST", "/v1/sessions", models.Credentials{Username: me.User.Username, Password: harness.Password}).
		ExpectProblem(401, models.CodeBadCredentials)
	me.Call("PUT", path, models.PasswordChange{NewPassword: harness.Password}).ExpectStatus(204)
	me.Call("PUT", path, models.PasswordChange{NewPassword: "another of them"}).ExpectInvalid("current_password")
	me.Call("PUT", path, models.PasswordChange{NewPassword: "another of them", CurrentPassword: "wrong"}).
		ExpectProblem(401, models.CodeBadCredentials)
	me.LogIn()
	// The password is another log-in method.
	me.Call("DELETE", harness.IdentitiesPath+"/"+identities(me)[0].ID, nil).ExpectStatus(204)
	c.NewGuest("guest").Call("PUT", path, models.PasswordChange{NewPassword: harness.Password}).
		ExpectProblem(403, models.CodeForbidden)
}

func testLinkAfterLogOut(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	me := c.NewAccount("ada")
	b := me.LogIn().NewBrowser()
	b.AccessToken = me.LogIn().AccessToken
	callback := p.Authorize(b, b.BeginLogIn("/v1/auth/mock"), harness.OIDCUser{Subject: harness.UniqueName("ada")})
	b.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	b.AccessToken = ""
	b.Call("GET", callback, nil).ExpectProblem(401, models.CodeSessionRevoked)
	if list := identities(me); len(list) != 0 {
		t.Errorf("got %+v", list)
	}
	b.WithToken("nonsense").Call("GET", "/v1/auth/mock", nil).ExpectProblem(401, models.CodeUnauthenticated)
}

func testIdentityOfDeletedAccount(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	ada := harness.OIDCUser{Subject: harness.UniqueName("ada"), Username: harness.UniqueName("ada")}
	me := p.LogIn(c, ada)
	late := c.NewBrowser()
	page := p.LogInToPage(late, "/v1/auth/mock", ada)
	me.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	late.RedeemLoginCode(page).ExpectProblem(401, models.CodeBadCredentials)
	if again := p.LogIn(c, ada).User; again.ID == me.User.ID || again.Username != ada.Username {
		t.Errorf("after the account was deleted the log-in opens %+v", again)
	}
}

// testConcurrentFirstLogIns: several browsers log in for the first time at the same moment, as two users with the same
// name. Each user gets one account.
func testConcurrentFirstLogIns(t *testing.T, c *harness.Client, p *harness.OIDCProvider) {
	name := harness.UniqueName("ada")
	var wait sync.WaitGroup
	users := make([]models.User, 8)
	for i := range users {
		b := c.NewBrowser()
		callback := p.Authorize(b, b.BeginLogIn("/v1/auth/mock"),
			harness.OIDCUser{Subject: name + "ab"[i%2:i%2+1], Username: name})
		wait.Go(func() {
			var session models.Session
			page := b.Send("GET", callback, nil).Header("Location")
			if page == "" {
				t.Errorf("browser %d could not log in", i)
				return
			}
			b.Send("POST", "/v1/sessions", map[string]any{"login_code": harness.LoginCode(t, page)}).Decode(&session)
			users[i] = session.User
		})
	}
	wait.Wait()
	for i, u := range users {
		if u.ID == 0 || u.ID != users[i%2].ID {
			t.Errorf("the same user is %+v and %+v", u, users[i%2])
		}
	}
	if users[0].ID == users[1].ID {
		t.Error("two users have the same account")
	}
}
