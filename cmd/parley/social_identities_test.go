package main

import (
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestIdentities links accounts with who people are elsewhere, and unlinks them.
func TestIdentities(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		p := newProvider(t)
		s := startServer(t, database, "--oidc", p.setting("mock"))
		for _, sc := range []struct {
			name string
			play func(t *testing.T, c *client, p *provider)
		}{
			{"an account links", testLink},
			{"who has another account", testLinkTaken},
			{"a guest links", testLinkGuest},
			{"the last way in", testLastWayIn},
			{"a password after the fact", testFirstPassword},
			{"a session that ended meanwhile", testLinkLoggedOut},
			{"a deleted account", testIdentityOfDeleted},
			{"the first log-in, twice at once", testFirstLogInTwice},
		} {
			t.Run(sc.name, func(t *testing.T) { sc.play(t, newClient(t, s.url), p) })
		}
	})
}

func (c *client) identities() []models.Identity {
	c.t.Helper()
	return get[models.Page[models.Identity]](c, identitiesPath).Items
}

func testLink(t *testing.T, c *client, p *provider) {
	me := c.account("ada")
	if list := me.identities(); len(list) != 0 {
		t.Errorf("a new account has the identities %+v", list)
	}
	ada := visitor{subject: unique("ada"), username: "somebody"}

	// A page asks with its token, is told where to go, and goes there without.
	b := c.browser()
	var begun struct{ URL string }
	b.AccessToken = me.AccessToken
	b.call("GET", "/v1/auth/mock?redirect=/%23/me", nil, "Accept", "application/json").status(200).into(&begun)
	b.AccessToken = ""
	if to := b.call("GET", p.asks(b, begun.URL, ada), nil).status(303).header("Location"); to != "/#/me" {
		t.Errorf("after the link the browser comes to %q", to)
	}
	list := me.identities()
	if len(list) != 1 || list[0].ID == "" || list[0].Provider != "mock" || list[0].Issuer != p.Issuer() || list[0].Subject != ada.subject ||
		list[0].CreatedAt.IsZero() {
		t.Fatalf("got %+v", list)
	}
	if u := p.logsIn(c, ada).User; u.ID != me.User.ID || u.Username != me.User.Username {
		t.Errorf("the linked log-in is %+v's", u)
	}
	p.linksWith(me, ada).status(303) // which changes nothing
	other := p.links(me)
	me.call("DELETE", identitiesPath+"/"+list[0].ID, nil).status(204)
	me.call("DELETE", identitiesPath+"/"+list[0].ID, nil).problem(404, models.CodeNotFound)
	if left := me.identities(); len(left) != 1 || left[0].ID != other {
		t.Errorf("one of two was unlinked: %+v", left)
	}
	if u := p.logsIn(c, ada).User; u.ID == me.User.ID {
		t.Error("what was unlinked opens the account still")
	}
}

func testLinkTaken(t *testing.T, c *client, p *provider) {
	ada := visitor{subject: unique("ada"), username: "ada"}
	owner, thief := p.logsIn(c, ada), c.account("thief")
	p.linksWith(thief, ada).problem(409, models.CodeUsernameTaken)
	if list := thief.identities(); len(list) != 0 {
		t.Errorf("got %+v", list)
	}
	if u := p.logsIn(c, ada).User; u.ID != owner.User.ID {
		t.Errorf("the log-in opens %+v now", u)
	}
	theirs := owner.identities()[0].ID
	thief.call("DELETE", identitiesPath+"/"+theirs, nil).problem(404, models.CodeNotFound)
}

func testLinkGuest(t *testing.T, c *client, p *provider) {
	guest := c.newcomer("guest")
	room := guest.publicRoom()
	taken := visitor{subject: unique("taken")}
	p.logsIn(c, taken)
	p.linksWith(guest, taken).problem(409, models.CodeUsernameTaken)
	if me := get[models.User](guest, "/v1/users/me"); !me.Guest {
		t.Error("a guest became an account by somebody else's log-in")
	}
	ada := visitor{subject: unique("ada"), username: "other-name"}
	p.linksWith(guest, ada).status(303)
	me := get[models.User](guest, "/v1/users/me")
	if me.Guest || me.ID != guest.User.ID || me.Username != guest.User.Username {
		t.Errorf("the guest became %+v", me)
	}
	if again := p.logsIn(c, ada); again.look(room.ID).Membership.Role != models.RoleOwner {
		t.Error("the guest's room is somebody else's")
	}
}

func testLastWayIn(t *testing.T, c *client, p *provider) {
	me := p.logsIn(c, visitor{subject: unique("ada"), username: "ada"})
	first := me.identities()[0].ID
	me.call("DELETE", identitiesPath+"/"+first, nil).problem(403, models.CodeForbidden)
	second := p.links(me)
	// Of two at once, one is the last.
	var wait sync.WaitGroup
	refused := make(chan int, 2)
	for _, id := range []string{first, second} {
		wait.Go(func() { refused <- me.send("DELETE", identitiesPath+"/"+id, nil).response.StatusCode })
	}
	wait.Wait()
	if one, other := <-refused, <-refused; one+other != 204+403 {
		t.Errorf("the two were answered %d and %d", one, other)
	}
	if n := len(me.identities()); n != 1 {
		t.Errorf("%d ways in are left", n)
	}
}

func testFirstPassword(_ *testing.T, c *client, p *provider) {
	const path = "/v1/users/me/password"
	me := p.logsIn(c, visitor{subject: unique("ada"), username: unique("ada")})
	c.call("POST", "/v1/sessions", models.Credentials{Username: me.User.Username, Password: password}).problem(401, models.CodeBadCredentials)
	me.call("PUT", path, models.PasswordChange{NewPassword: password}).status(204)
	me.call("PUT", path, models.PasswordChange{NewPassword: "another of them"}).invalid("current_password")
	me.call("PUT", path, models.PasswordChange{NewPassword: "another of them", CurrentPassword: "wrong"}).problem(401, models.CodeBadCredentials)
	me.logIn()
	me.call("DELETE", identitiesPath+"/"+me.identities()[0].ID, nil).status(204) // no longer the last way in
	c.newcomer("guest").call("PUT", path, models.PasswordChange{NewPassword: password}).problem(403, models.CodeForbidden)
}

func testLinkLoggedOut(t *testing.T, c *client, p *provider) {
	me := c.account("ada")
	b := me.logIn().browser()
	b.AccessToken = me.logIn().AccessToken
	callback := p.asks(b, b.begins("/v1/auth/mock"), visitor{subject: unique("ada")})
	b.call("DELETE", "/v1/sessions/current", nil).status(204)
	b.AccessToken = ""
	b.call("GET", callback, nil).problem(401, models.CodeSessionRevoked)
	if list := me.identities(); len(list) != 0 {
		t.Errorf("got %+v", list)
	}
	b.as("nonsense").call("GET", "/v1/auth/mock", nil).problem(401, models.CodeUnauthenticated)
}

func testIdentityOfDeleted(t *testing.T, c *client, p *provider) {
	ada := visitor{subject: unique("ada"), username: unique("ada")}
	me := p.logsIn(c, ada)
	late := c.browser()
	page := p.arrives(late, "/v1/auth/mock", ada)
	me.call("DELETE", "/v1/users/me", nil).status(204)
	late.trade(page).problem(401, models.CodeBadCredentials)
	if again := p.logsIn(c, ada).User; again.ID == me.User.ID || again.Username != ada.username {
		t.Errorf("after the end of the account the log-in makes %+v", again)
	}
}

// testFirstLogInTwice: two browsers log in for the first time at the same moment, as the same person and beside others of
// the same name. One account is made of one person.
func testFirstLogInTwice(t *testing.T, c *client, p *provider) {
	name := unique("ada")
	var wait sync.WaitGroup
	users := make([]models.User, 8)
	for i := range users {
		b := c.browser()
		callback := p.asks(b, b.begins("/v1/auth/mock"), visitor{subject: name + "ab"[i%2:i%2+1], username: name})
		wait.Go(func() {
			var session models.Session
			page := b.send("GET", callback, nil).header("Location")
			if page == "" {
				t.Errorf("browser %d was not let in", i)
				return
			}
			b.send("POST", "/v1/sessions", map[string]any{"login_code": codeIn(t, page)}).into(&session)
			users[i] = session.User
		})
	}
	wait.Wait()
	for i, u := range users {
		if u.ID == 0 || u.ID != users[i%2].ID {
			t.Errorf("the same person is %+v and %+v", u, users[i%2])
		}
	}
	if users[0].ID == users[1].ID {
		t.Error("two people have one account")
	}
}
