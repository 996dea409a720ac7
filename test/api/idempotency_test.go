package api

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

func TestIdempotency(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "the same call again", Run: testReplay},
		{Name: "another body, path or caller", Run: testOtherCall},
		{Name: "many at once", Run: testReplayRace},
		{Name: "many sign-ups at once", Run: testSignUpRace},
		{Name: "sign-up and login", Run: testReplaySession},
		{Name: "strangers with the same key", Run: testKeyOfStrangers},
		{Name: "guests cannot use a key", Run: testKeyOfGuests},
		{Name: "a repeated sign-up after a change of the password", Run: testReplayOldPassword},
		{Name: "a failed call does not keep its key", Run: testFailedCall},
		{Name: "keys", Run: testKeys},
	})
}

// expectReplay makes the call a second time, and expects the first response byte by byte.
func expectReplay(c *harness.Client, first *harness.Response, body any, headers ...string) {
	c.T.Helper()
	if first.Header("Idempotency-Replayed") != "" {
		c.T.Errorf("the first response claims to be a replay: %v", first)
	}
	second := c.Call(first.Request.Method, first.Request.URL.RequestURI(), body, headers...).
		ExpectStatus(first.HTTP.StatusCode)
	if second.Header("Idempotency-Replayed") != "true" {
		c.T.Errorf("the second response has no Idempotency-Replayed: %v", second)
	}
	if !bytes.Equal(second.Body, first.Body) || second.EventID() != first.EventID() ||
		second.Header("Location") != first.Header("Location") {
		c.T.Errorf("got %v, %s, %s\nwant %v, %s, %s", second, second.EventID(), second.Header("Location"),
			first, first.EventID(), first.Header("Location"))
	}
}

func testReplay(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	s := me.OpenStream("")
	key := []string{harness.IdempotencyKey, harness.UniqueName("key")}

	room := models.NewRoom{Handle: harness.Ptr(harness.UniqueName("room"))}
	first := me.Call("POST", "/v1/rooms", room, key...).ExpectStatus(201)
	expectReplay(me, first, room, key...)
	expectReplay(me, first, room, key...)
	s.Expect(models.EventRoomCreated, nil)
	list := harness.Get[models.Page[models.Room]](me, "/v1/rooms").Items
	if len(list) != 1 {
		t.Fatalf("the rooms are %+v", list)
	}

	path := harness.RoomPath(list[0].ID) + "/messages"
	message := models.NewMessage{Text: "once", ClientID: harness.Ptr("c")}
	first = me.Call("POST", path, message, key...).ExpectStatus(201)
	s.Expect(models.EventMessageCreated, nil)
	expectReplay(me, first, message, key...)
	me.Call("DELETE", path+"/1", nil).ExpectStatus(204)
	s.Expect(models.EventMessageDeleted, nil)
	// After the deletion, the same call sends nothing and returns the tombstone.
	tombstone := me.Call("POST", path, message, key...).ExpectStatus(201)
	if want := me.Call("GET", path+"/1", nil).ExpectStatus(200); !bytes.Equal(tombstone.Body, want.Body) ||
		tombstone.Header("Idempotency-Replayed") != "true" || tombstone.EventID() != first.EventID() {
		t.Errorf("got %v, %s\nwant %v, %s", tombstone, tombstone.EventID(), want, first.EventID())
	}
	if got := me.GetRoom(list[0].ID); got.LastMessageID != 1 {
		t.Errorf("got %+v", got)
	}
	me.SendText(list[0].ID, "the mark")
	s.Expect(models.EventMessageCreated, nil)

	target := models.TargetedMessage{Target: "@" + other.User.Username, NewMessage: models.NewMessage{Text: "once"}}
	first = me.Call("POST", "/v1/messages", target, key...).ExpectStatus(201)
	expectReplay(me, first, target, key...)
	s.Expect(models.EventRoomCreated, nil)
	s.Expect(models.EventMessageCreated, nil)
}

func testOtherCall(t *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("grace")
	one, two := me.CreatePublicRoom(other), me.CreatePublicRoom()
	key := []string{harness.IdempotencyKey, harness.UniqueName("key")}
	send := func(user *harness.Client, room models.Room, text string) *harness.Response {
		return user.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: text}, key...)
	}
	send(me, one, "text").ExpectStatus(201)
	for _, a := range []*harness.Response{send(me, two, "text"), send(me, two, "text")} {
		a.ExpectStatus(201)
	}
	if a := send(other, one, "text").ExpectStatus(201); a.Header("Idempotency-Replayed") != "" {
		t.Errorf("the key of another user was taken for this user's: %v", a)
	}
	send(me, one, "another text").ExpectProblem(409, models.CodeIdempotencyMismatch)
	me.Call("POST", harness.RoomPath(one.ID)+"/messages", []byte(`{"text": "text"}`), key...).
		ExpectProblem(409, models.CodeIdempotencyMismatch)
	if got := me.GetRoom(one.ID); got.MessageCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testReplayRace makes the same call many times at once: one of them creates, and all return the same response.
func testReplayRace(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreatePublicRoom()
	handle := harness.UniqueName("race")
	for path, body := range map[string]any{
		"/v1/rooms":                                   models.NewRoom{Handle: &handle},
		harness.RoomPath(room.ID) + "/messages":       models.NewMessage{Text: "once"},
		harness.HandlePath(room.Handle) + "/messages": models.NewMessage{Text: "once, by handle"},
	} {
		key := harness.UniqueName("key")
		var mu sync.Mutex
		bodies, created := map[string]int{}, 0
		var all sync.WaitGroup
		for range 30 {
			all.Go(func() {
				a, err := me.TryCall(t.Context(), "POST", path, body, harness.IdempotencyKey, key)
				if err != nil || a.HTTP.StatusCode != 201 {
					t.Error(a, err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				bodies[a.EventID()+string(a.Body)]++
				if a.Header("Idempotency-Replayed") == "" {
					created++
				}
			})
		}
		all.Wait()
		if len(bodies) != 1 || created != 1 {
			t.Errorf("%s: %d calls created; got these responses, with their numbers: %v", path, created, bodies)
		}
	}
	if got := me.GetRoom(room.ID); got.MessageCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testSignUpRace signs up several times at once with the same key: there is one account with one session.
func testSignUpRace(t *testing.T, c *harness.Client) {
	name, key := harness.UniqueName("ada"), harness.UniqueName("key")
	var mu sync.Mutex
	sessions := map[string]int{}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			a, err := c.TryCall(t.Context(), "POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password},
				harness.IdempotencyKey, key)
			if err != nil || a.HTTP.StatusCode != 201 {
				t.Error(a, err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			sessions[string(a.Body)]++
		})
	}
	all.Wait()
	if len(sessions) != 1 {
		t.Errorf("got these responses, with their numbers: %v", sessions)
	}
}

// testReplaySession repeats a sign-up and a login whose responses were lost: the tokens of the replay are valid.
func testReplaySession(t *testing.T, c *harness.Client) {
	name := harness.UniqueName("ada")
	for _, call := range []struct {
		path        string
		body, other any
	}{
		{"/v1/users", models.NewUser{Username: name, Password: harness.Password},
			models.NewUser{Username: name, Password: harness.Password, DisplayName: harness.Ptr("A")}},
		{"/v1/sessions", models.Credentials{Username: name, Password: harness.Password},
			models.Credentials{Username: name, Password: harness.Password, Cookie: true}},
	} {
		key := []string{harness.IdempotencyKey, harness.UniqueName("key")}
		first := c.Call("POST", call.path, call.body, key...).ExpectStatus(201)
		expectReplay(c, first, call.body, key...)
		var s models.Session
		first.Decode(&s)
		me := c.WithToken(s.AccessToken)
		if got := harness.Get[models.Page[models.SessionInfo]](me, "/v1/sessions?limit=1").Items; len(got) != 1 ||
			got[0].ID != s.SessionID {
			t.Errorf("got the newest session %+v, want %s", got, s.SessionID)
		}
		c.Call("POST", call.path, call.other, key...).ExpectProblem(409, models.CodeIdempotencyMismatch)
		c.Call("POST", harness.RefreshPath, harness.RefreshBody(s.RefreshToken)).ExpectStatus(200)
	}
	// In cookie mode, the replay sets the cookie again.
	key := []string{harness.IdempotencyKey, harness.UniqueName("key")}
	body := models.Credentials{Username: name, Password: harness.Password, Cookie: true}
	_, first := expectSessionCookie(c.Call("POST", "/v1/sessions", body, key...).ExpectStatus(201))
	if _, second := expectSessionCookie(c.Call("POST", "/v1/sessions", body, key...).ExpectStatus(201)); first != second {
		t.Errorf("got the cookie %s, want %s", second, first)
	}
}

// testKeyOfStrangers checks that a caller with another secret is another caller, also with the same key: they get no
// session of others, and do not learn that the key was used.
func testKeyOfStrangers(t *testing.T, c *harness.Client) {
	key := []string{harness.IdempotencyKey, "1"}
	name := harness.UniqueName("ada")
	var first, second models.Session
	c.Call("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}, key...).ExpectStatus(201).
		Decode(&first)
	c.Call("POST", "/v1/users", models.NewUser{Username: name, Password: "another password"}, key...).
		ExpectProblem(409, models.CodeUsernameTaken)
	// Another user happens to have the same password.
	a := c.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("bob"), Password: harness.Password},
		key...).ExpectStatus(201).Decode(&second)
	if a.Header("Idempotency-Replayed") != "" || second.User.ID == first.User.ID {
		t.Errorf("a stranger got the response %v", a)
	}
	for _, s := range []models.Session{first, second} {
		var got models.Session
		logIn := models.Credentials{Username: s.User.Username, Password: harness.Password}
		c.Call("POST", "/v1/sessions", logIn, key...).ExpectStatus(201).Decode(&got)
		if got.User.ID != s.User.ID {
			t.Errorf("%s is logged in as %+v", s.User.Username, got.User)
		}
		logIn.Password = "another password"
		c.Call("POST", "/v1/sessions", logIn, key...).ExpectProblem(401, models.CodeBadCredentials)
	}
}

// testKeyOfGuests checks that a new guest cannot use a key, since a guest without a token cannot prove who they are.
func testKeyOfGuests(_ *testing.T, c *harness.Client) {
	name := harness.UniqueName("guest")
	for range 2 {
		c.Call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}, harness.IdempotencyKey,
			harness.UniqueName("key")).ExpectInvalid(harness.IdempotencyKey)
	}
	guest := c.NewGuestNamed(name)
	c.Call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).
		ExpectProblem(409, models.CodeUsernameTaken)
	// With a token, a guest can use a key.
	key := []string{harness.IdempotencyKey, harness.UniqueName("key")}
	sign := models.NewUser{Username: harness.UniqueName("ada"), Password: harness.Password}
	expectReplay(guest, guest.Call("POST", "/v1/users", sign, key...).ExpectStatus(201), sign, key...)
	sign.Password += "!"
	guest.Call("POST", "/v1/users", sign, key...).ExpectProblem(409, models.CodeIdempotencyMismatch)
	c.NewGuestNamed(name) // the old name is free
}

// testReplayOldPassword checks that a repeated sign-up with a password that was changed returns no session.
func testReplayOldPassword(_ *testing.T, c *harness.Client) {
	key := []string{harness.IdempotencyKey, harness.UniqueName("key")}
	sign := models.NewUser{Username: harness.UniqueName("ada"), Password: harness.Password}
	me := c.WithoutToken()
	me.Call("POST", "/v1/users", sign, key...).ExpectStatus(201).Decode(&me.Session)
	me.Call("PUT", "/v1/users/me/password",
		models.PasswordChange{CurrentPassword: harness.Password, NewPassword: "another password"}).ExpectStatus(204)
	c.Call("POST", "/v1/users", sign, key...).ExpectProblem(401, models.CodeBadCredentials)
	me.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
}

func testFailedCall(t *testing.T, c *harness.Client) {
	me, owner := c.NewGuest("ada"), c.NewGuest("grace")
	room := owner.CreatePublicRoom()
	key := []string{harness.IdempotencyKey, harness.UniqueName("key")}

	me.CallInvalid("POST", "/v1/rooms", models.NewRoom{}, key...).ExpectProblem(400, models.CodeInvalidRequest)
	me.Call("POST", "/v1/rooms", models.NewRoom{Handle: &room.Handle}, key...).ExpectProblem(409, models.CodeHandleTaken)
	me.Call("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr("n")}, key...).ExpectStatus(201)

	path := harness.RoomPath(room.ID) + "/messages"
	me.Call("POST", path, models.NewMessage{Text: "x"}, key...).ExpectProblem(403, models.CodeForbidden)
	me.JoinRoom(room.ID)
	me.Call("POST", path, models.NewMessage{Text: "x", ReplyTo: harness.Ptr(int64(9))}, key...).
		ExpectProblem(400, models.CodeInvalidRequest)
	a := me.Call("POST", path, models.NewMessage{Text: "y"}, key...).ExpectStatus(201)
	if a.Header("Idempotency-Replayed") != "" {
		t.Errorf("the response claims to be a replay: %v", a)
	}
	me.Call("POST", path, models.NewMessage{Text: "x"}, key...).ExpectProblem(409, models.CodeIdempotencyMismatch)

	taken := models.NewUser{Username: me.User.Username, Password: harness.Password}
	c.Call("POST", "/v1/users", taken, key...).ExpectProblem(409, models.CodeUsernameTaken)
	c.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("g"), Password: harness.Password}, key...).
		ExpectStatus(201)
	wrong := models.Credentials{Username: me.User.Username, Password: "wrong"}
	c.Call("POST", "/v1/sessions", wrong, harness.IdempotencyKey, harness.UniqueName("key")).
		ExpectProblem(401, models.CodeBadCredentials)
}

func testKeys(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	for _, good := range []string{"k", "!", "~", strings.Repeat("k", 128), `"a,b;c"`} {
		me.Call("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr("n")}, harness.IdempotencyKey, good).ExpectStatus(201)
	}
	before := len(harness.Get[models.Page[models.Room]](me, "/v1/rooms").Items)
	for _, bad := range []string{"", "a b", strings.Repeat("k", 129), "schlüssel", "tab\tbed", "\u00a0"} {
		me.CallInvalid("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr("n")}, harness.IdempotencyKey, bad).
			ExpectInvalid(harness.IdempotencyKey)
		me.CallInvalid("POST", "/v1/sessions", map[string]any{"username": harness.UniqueName("g"), "guest": true},
			harness.IdempotencyKey, bad).ExpectInvalid(harness.IdempotencyKey)
	}
	if after := len(harness.Get[models.Page[models.Room]](me, "/v1/rooms").Items); after != before {
		t.Errorf("got %d rooms after the refused calls, want %d", after, before)
	}
	// Keys are compared byte by byte.
	for i := range 3 {
		me.Call("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr(fmt.Sprint("n", i))}, harness.IdempotencyKey,
			[]string{"case", "Case", "case."}[i]).ExpectStatus(201)
	}
}
