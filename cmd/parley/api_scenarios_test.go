package main

import (
	"crypto/rand"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// scenario is one thing that Parley does, from a client's side.
type scenario struct {
	name string
	play func(t *testing.T, c *client)
}

// play plays the scenarios one after the other, on one server for each database. Names are made unique by them, so that
// none minds what the others left behind. Who is online is told to contacts alone: it would come in between anything.
func play(t *testing.T, scenarios []scenario, flags ...string) {
	t.Helper()
	onEachDatabase(t, func(t *testing.T, database string) { playOn(t, scenarios, database, flags...) })
}

func playOn(t *testing.T, scenarios []scenario, database string, flags ...string) {
	t.Helper()
	s := startServer(t, database, append([]string{"--presence-room-limit", "0"}, flags...)...)
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) { sc.play(t, newClient(t, s.url)) })
	}
}

// unique is a username or a handle that nobody else has.
func unique(name string) string { return name + "-" + strings.ToLower(rand.Text()[:8]) }

// password is that of every account of the tests.
const password = "correct horse battery"

// newcomer is a client of its own for a new guest, whose username begins with name.
func (c *client) newcomer(name string) *client {
	c.t.Helper()
	return c.guest(unique(name))
}

// account is a client of its own for a new account with a password.
func (c *client) account(name string) *client {
	c.t.Helper()
	a := c.nobody()
	a.call("POST", "/v1/users", models.NewUser{Username: unique(name), Password: password}).status(201).into(&a.Session)
	return a
}

// logIn is a client of its own for another session of the account.
func (c *client) logIn() *client {
	c.t.Helper()
	other := c.nobody()
	other.call("POST", "/v1/sessions", models.Credentials{Username: c.User.Username, Password: password}).
		status(201).into(&other.Session)
	return other
}

// nobody is a client without a token.
func (c *client) nobody() *client { return &client{t: c.t, http: c.http, url: c.url, packs: c.packs} }

// publicRoom and privateRoom are rooms of the client's, with the others as members.
func (c *client) publicRoom(others ...*client) models.Room {
	c.t.Helper()
	room := c.room(models.NewRoom{Handle: ptr(unique("room"))})
	for _, o := range others {
		o.join(room.ID)
	}
	return c.look(room.ID)
}

func (c *client) privateRoom(others ...*client) models.Room {
	c.t.Helper()
	room := c.room(models.NewRoom{Name: ptr("private"), Kind: ptr(models.RoomPrivate)})
	for _, o := range others {
		c.add(room.ID, o, models.RoleMember)
	}
	return c.look(room.ID)
}

// add makes another user a member, or gives them the role.
func (c *client) add(roomID int64, other *client, role models.Role) {
	c.t.Helper()
	c.call("PUT", memberPath(roomID, other), models.RoleChange{Role: role}).status(200)
}

// look reads a room.
func (c *client) look(roomID int64) models.Room {
	c.t.Helper()
	return get[models.Room](c, roomPath(roomID))
}

// get reads what is at path.
func get[T any](c *client, path string) (v T) {
	c.t.Helper()
	c.call("GET", path, nil).status(200).into(&v)
	return v
}

// walk reads all pages of a list whose path ends in a query.
func walk[T any](c *client, path string) (pages [][]T) {
	c.t.Helper()
	for cursor := ""; ; {
		page := get[models.Page[T]](c, path+"&cursor="+cursor)
		pages = append(pages, page.Items)
		if cursor = page.NextCursor; cursor == "" {
			return pages
		}
	}
}

func memberPath(roomID int64, user *client) string {
	return fmt.Sprintf("%s/members/%d", roomPath(roomID), user.User.ID)
}

func banPath(roomID int64, user *client) string {
	return fmt.Sprintf("%s/bans/%d", roomPath(roomID), user.User.ID)
}

func messagePath(m models.Message) string {
	return fmt.Sprintf("%s/messages/%d", roomPath(m.RoomID), m.ID)
}

func (a *answer) eventID() string { return a.header("Event-Id") }

// quiet wants the answer to name no event: the request changed nothing.
func (a *answer) quiet() *answer {
	a.t.Helper()
	if id := a.eventID(); id != "" {
		a.t.Errorf("%v\nnames the event %s, though it changed nothing", a, id)
	}
	return a
}

// without is the answer's JSON object without some of its fields.
func (a *answer) without(fields ...string) string {
	a.t.Helper()
	var object map[string]json.RawMessage
	a.into(&object)
	for _, f := range fields {
		delete(object, f)
	}
	rest, err := json.Marshal(object)
	if err != nil {
		a.t.Fatal(err)
	}
	return string(rest)
}

// invalid wants invalid_request about the field.
func (a *answer) invalid(field string) {
	a.t.Helper()
	p := a.problem(400, models.CodeInvalidRequest)
	for _, e := range p.Errors {
		if e.Field == field {
			return
		}
	}
	a.t.Errorf("%v\ndoes not name %q", a, field)
}

// eventually asks again until the answer is yes. It is for what only time brings about, and no event tells of.
func eventually(t testing.TB, what string, isSo func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(patience); !isSo(); <-tick.C {
		if time.Now().After(deadline) {
			t.Fatalf("this did not come to be: %s", what)
		}
	}
}

// laterThan waits until the clock shows a later millisecond than t did.
func laterThan(t models.Time) models.Time {
	for {
		if now := models.Now(); now.After(t.Time) {
			return now
		}
	}
}
