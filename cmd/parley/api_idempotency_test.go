package main

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

func TestIdempotency(t *testing.T) {
	play(t, []scenario{
		{"the same again", testReplay},
		{"another body, path or caller", testOtherCall},
		{"many at once", testReplayRace},
		{"many log-ins at once", testLogInRace},
		{"sign-up and log-in", testReplaySession},
		{"strangers with one key", testKeyOfStrangers},
		{"guests have no key", testKeyOfGuests},
		{"a sign-up that is repeated after the password was changed", testReplayOldPassword},
		{"a failed call frees its key", testFailedCall},
		{"keys", testKeys},
	})
}

const idempotencyKey = "Idempotency-Key"

// again makes the call a second time and wants the first answer, byte by byte.
func (c *client) again(first *answer, body any, headers ...string) {
	c.t.Helper()
	if first.header("Idempotency-Replayed") != "" {
		c.t.Errorf("%v\nclaims to be a replay", first)
	}
	second := c.call(first.request.Method, first.request.URL.RequestURI(), body, headers...).status(first.response.StatusCode)
	if second.header("Idempotency-Replayed") != "true" {
		c.t.Errorf("%v\ndoes not say that it is a replay", second)
	}
	if !bytes.Equal(second.body, first.body) || second.eventID() != first.eventID() || second.header("Location") != first.header("Location") {
		c.t.Errorf("%v, %s, %s\nbut first %v, %s, %s", second, second.eventID(), second.header("Location"), first, first.eventID(), first.header("Location"))
	}
}

func testReplay(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	s := me.open("")
	key := []string{idempotencyKey, unique("key")}

	room := models.NewRoom{Handle: ptr(unique("room"))}
	first := me.call("POST", "/v1/rooms", room, key...).status(201)
	me.again(first, room, key...)
	me.again(first, room, key...)
	s.expect(models.EventRoomCreated, nil)
	list := get[models.Page[models.Room]](me, "/v1/rooms").Items
	if len(list) != 1 {
		t.Fatalf("the rooms are %+v", list)
	}

	path := roomPath(list[0].ID) + "/messages"
	message := models.NewMessage{Text: "once", ClientID: ptr("c")}
	first = me.call("POST", path, message, key...).status(201)
	s.expect(models.EventMessageCreated, nil)
	me.again(first, message, key...)
	me.call("DELETE", path+"/1", nil).status(204)
	s.expect(models.EventMessageDeleted, nil)
	stone := me.call("POST", path, message, key...).status(201) // nothing is sent, and nothing that was deleted is told
	if tells := me.call("GET", path+"/1", nil).status(200); !bytes.Equal(stone.body, tells.body) ||
		stone.header("Idempotency-Replayed") != "true" || stone.eventID() != first.eventID() {
		t.Errorf("%v, %s\nbut the message is %v, told of by %s", stone, stone.eventID(), tells, first.eventID())
	}
	if got := me.look(list[0].ID); got.LastMessageID != 1 {
		t.Errorf("got %+v", got)
	}
	me.say(list[0].ID, "the mark")
	s.expect(models.EventMessageCreated, nil)

	target := models.TargetedMessage{Target: "@" + other.User.Username, NewMessage: models.NewMessage{Text: "once"}}
	first = me.call("POST", "/v1/messages", target, key...).status(201)
	me.again(first, target, key...)
	s.expect(models.EventRoomCreated, nil)
	s.expect(models.EventMessageCreated, nil)
}

func testOtherCall(t *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("grace")
	one, two := me.publicRoom(other), me.publicRoom()
	key := []string{idempotencyKey, unique("key")}
	send := func(who *client, room models.Room, text string) *answer {
		return who.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: text}, key...)
	}
	send(me, one, "text").status(201)
	for _, a := range []*answer{send(me, two, "text"), send(me, two, "text")} {
		a.status(201)
	}
	if a := send(other, one, "text").status(201); a.header("Idempotency-Replayed") != "" {
		t.Errorf("another's key was taken for theirs: %v", a)
	}
	send(me, one, "another text").problem(409, models.CodeIdempotencyMismatch)
	me.call("POST", roomPath(one.ID)+"/messages", []byte(`{"text": "text"}`), key...).problem(409, models.CodeIdempotencyMismatch)
	if got := me.look(one.ID); got.MessageCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testReplayRace makes the same call many times at once: one creates, all answer the same.
func testReplayRace(t *testing.T, c *client) {
	me := c.newcomer("ada")
	room := me.publicRoom()
	handle := unique("race")
	for path, body := range map[string]any{
		"/v1/rooms":                      models.NewRoom{Handle: &handle},
		roomPath(room.ID) + "/messages":  models.NewMessage{Text: "once"},
		named(room.Handle) + "/messages": models.NewMessage{Text: "once, by handle"},
	} {
		key := unique("key")
		var mu sync.Mutex
		bodies, created := map[string]int{}, 0
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				a, err := me.try(t.Context(), "POST", path, body, idempotencyKey, key)
				if err != nil || a.response.StatusCode != 201 {
					t.Error(a, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				bodies[a.eventID()+string(a.body)]++
				if a.header("Idempotency-Replayed") == "" {
					created++
				}
			})
		}
		all.Wait()
		if len(bodies) != 1 || created != 1 {
			t.Errorf("%s: %d created; answers and how often they came: %v", path, created, bodies)
		}
	}
	if got := me.look(room.ID); got.MessageCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testLogInRace: who signs up several times at once has one account, in one session.
func testLogInRace(t *testing.T, c *client) {
	name, key := unique("ada"), unique("key")
	var mu sync.Mutex
	sessions := map[string]int{}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			a, err := c.try(t.Context(), "POST", "/v1/users", models.NewUser{Username: name, Password: password}, idempotencyKey, key)
			if err != nil || a.response.StatusCode != 201 {
				t.Error(a, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			sessions[string(a.body)]++
		})
	}
	all.Wait()
	if len(sessions) != 1 {
		t.Errorf("answers, and how often they came: %v", sessions)
	}
}

// testReplaySession: a sign-up or log-in whose answer was lost can be made again, and its tokens are good.
func testReplaySession(t *testing.T, c *client) {
	name := unique("ada")
	for _, call := range []struct {
		path        string
		body, other any
	}{
		{"/v1/users", models.NewUser{Username: name, Password: password}, models.NewUser{Username: name, Password: password, DisplayName: ptr("A")}},
		{"/v1/sessions", models.Credentials{Username: name, Password: password}, models.Credentials{Username: name, Password: password, Cookie: true}},
	} {
		key := []string{idempotencyKey, unique("key")}
		first := c.call("POST", call.path, call.body, key...).status(201)
		c.again(first, call.body, key...)
		var s models.Session
		first.into(&s)
		me := c.as(s.AccessToken)
		if got := get[models.Page[models.SessionInfo]](me, "/v1/sessions?limit=1").Items; len(got) != 1 || got[0].ID != s.SessionID {
			t.Errorf("the newest session is %+v, not %s", got, s.SessionID)
		}
		c.call("POST", call.path, call.other, key...).problem(409, models.CodeIdempotencyMismatch)
		c.call("POST", refreshPath, refresh(s.RefreshToken)).status(200)
	}
	// In cookie mode, the replay brings the cookie again.
	key := []string{idempotencyKey, unique("key")}
	body := models.Credentials{Username: name, Password: password, Cookie: true}
	_, first := c.call("POST", "/v1/sessions", body, key...).status(201).inCookie()
	if _, second := c.call("POST", "/v1/sessions", body, key...).status(201).inCookie(); first != second {
		t.Errorf("%s, then %s", first, second)
	}
}

// testKeyOfStrangers: who brings another secret is another caller, whatever the key: they get nobody's session, and do not
// learn that the key was used.
func testKeyOfStrangers(t *testing.T, c *client) {
	key := []string{idempotencyKey, "1"}
	name := unique("ada")
	var first, second models.Session
	c.call("POST", "/v1/users", models.NewUser{Username: name, Password: password}, key...).status(201).into(&first)
	c.call("POST", "/v1/users", models.NewUser{Username: name, Password: "another password"}, key...).problem(409, models.CodeUsernameTaken)
	// The same password, by chance, of somebody else.
	a := c.call("POST", "/v1/users", models.NewUser{Username: unique("bob"), Password: password}, key...).status(201).into(&second)
	if a.header("Idempotency-Replayed") != "" || second.User.ID == first.User.ID {
		t.Errorf("a stranger is answered %v", a)
	}
	for _, s := range []models.Session{first, second} {
		var got models.Session
		logIn := models.Credentials{Username: s.User.Username, Password: password}
		c.call("POST", "/v1/sessions", logIn, key...).status(201).into(&got)
		if got.User.ID != s.User.ID {
			t.Errorf("%s logs in as %+v", s.User.Username, got.User)
		}
		logIn.Password = "another password"
		c.call("POST", "/v1/sessions", logIn, key...).problem(401, models.CodeBadCredentials)
	}
}

// testKeyOfGuests: nothing proves that a guest who asks again is the one who asked first.
func testKeyOfGuests(_ *testing.T, c *client) {
	name := unique("guest")
	for range 2 {
		c.call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}, idempotencyKey, unique("key")).invalid(idempotencyKey)
	}
	guest := c.guest(name)
	c.call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).problem(409, models.CodeUsernameTaken)
	// A token proves it.
	key := []string{idempotencyKey, unique("key")}
	sign := models.NewUser{Username: unique("ada"), Password: password}
	guest.again(guest.call("POST", "/v1/users", sign, key...).status(201), sign, key...)
	sign.Password += "!"
	guest.call("POST", "/v1/users", sign, key...).problem(409, models.CodeIdempotencyMismatch)
	c.guest(name) // the name is free
}

// testReplayOldPassword: who knows a password that was given up gets no session by repeating the sign-up.
func testReplayOldPassword(_ *testing.T, c *client) {
	key := []string{idempotencyKey, unique("key")}
	sign := models.NewUser{Username: unique("ada"), Password: password}
	me := c.nobody()
	me.call("POST", "/v1/users", sign, key...).status(201).into(&me.Session)
	me.call("PUT", "/v1/users/me/password", models.PasswordChange{CurrentPassword: password, NewPassword: "another password"}).status(204)
	c.call("POST", "/v1/users", sign, key...).problem(401, models.CodeBadCredentials)
	me.call("GET", "/v1/users/me", nil).status(200)
}

func testFailedCall(t *testing.T, c *client) {
	me, owner := c.newcomer("ada"), c.newcomer("grace")
	room := owner.publicRoom()
	key := []string{idempotencyKey, unique("key")}

	me.wrong("POST", "/v1/rooms", models.NewRoom{}, key...).problem(400, models.CodeInvalidRequest)
	me.call("POST", "/v1/rooms", models.NewRoom{Handle: &room.Handle}, key...).problem(409, models.CodeHandleTaken)
	me.call("POST", "/v1/rooms", models.NewRoom{Name: ptr("n")}, key...).status(201)

	path := roomPath(room.ID) + "/messages"
	me.call("POST", path, models.NewMessage{Text: "x"}, key...).problem(403, models.CodeForbidden)
	me.join(room.ID)
	me.call("POST", path, models.NewMessage{Text: "x", ReplyTo: ptr(int64(9))}, key...).problem(400, models.CodeInvalidRequest)
	if a := me.call("POST", path, models.NewMessage{Text: "y"}, key...).status(201); a.header("Idempotency-Replayed") != "" {
		t.Errorf("%v\nclaims to be a replay", a)
	}
	me.call("POST", path, models.NewMessage{Text: "x"}, key...).problem(409, models.CodeIdempotencyMismatch)

	taken := models.NewUser{Username: me.User.Username, Password: password}
	c.call("POST", "/v1/users", taken, key...).problem(409, models.CodeUsernameTaken)
	c.call("POST", "/v1/users", models.NewUser{Username: unique("g"), Password: password}, key...).status(201)
	wrong := models.Credentials{Username: me.User.Username, Password: "wrong"}
	c.call("POST", "/v1/sessions", wrong, idempotencyKey, unique("key")).problem(401, models.CodeBadCredentials)
}

func testKeys(t *testing.T, c *client) {
	me := c.newcomer("ada")
	for _, good := range []string{"k", "!", "~", strings.Repeat("k", 128), `"a,b;c"`} {
		me.call("POST", "/v1/rooms", models.NewRoom{Name: ptr("n")}, idempotencyKey, good).status(201)
	}
	before := len(get[models.Page[models.Room]](me, "/v1/rooms").Items)
	for _, bad := range []string{"", "a b", strings.Repeat("k", 129), "schlüssel", "tab\tbed", "\u00a0"} {
		me.wrong("POST", "/v1/rooms", models.NewRoom{Name: ptr("n")}, idempotencyKey, bad).invalid(idempotencyKey)
		me.wrong("POST", "/v1/sessions", map[string]any{"username": unique("g"), "guest": true}, idempotencyKey, bad).invalid(idempotencyKey)
	}
	if after := len(get[models.Page[models.Room]](me, "/v1/rooms").Items); after != before {
		t.Errorf("%d rooms, then %d", before, after)
	}
	// Keys are told apart by every character.
	for i := range 3 {
		me.call("POST", "/v1/rooms", models.NewRoom{Name: ptr(fmt.Sprint("n", i))}, idempotencyKey, []string{"case", "Case", "case."}[i]).status(201)
	}
}
