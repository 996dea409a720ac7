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
		{Name: "the same again", Play: testReplay},
		{Name: "another body, path or caller", Play: testOtherCall},
		{Name: "many at once", Play: testReplayRace},
		{Name: "many log-ins at once", Play: testLogInRace},
		{Name: "sign-up and log-in", Play: testReplaySession},
		{Name: "strangers with one key", Play: testKeyOfStrangers},
		{Name: "guests have no key", Play: testKeyOfGuests},
		{Name: "a sign-up that is repeated after the password was changed", Play: testReplayOldPassword},
		{Name: "a failed call frees its key", Play: testFailedCall},
		{Name: "keys", Play: testKeys},
	})
}

// expectReplay makes the call a second time and wants the first answer, byte by byte.
func expectReplay(c *harness.Client, first *harness.Response, body any, headers ...string) {
	c.T.Helper()
	if first.Header("Idempotency-Replayed") != "" {
		c.T.Errorf("%v\nclaims to be a replay", first)
	}
	second := c.Call(first.Request.Method, first.Request.URL.RequestURI(), body, headers...).ExpectStatus(first.HTTP.StatusCode)
	if second.Header("Idempotency-Replayed") != "true" {
		c.T.Errorf("%v\ndoes not say that it is a replay", second)
	}
	if !bytes.Equal(second.Body, first.Body) || second.EventID() != first.EventID() || second.Header("Location") != first.Header("Location") {
		c.T.Errorf("%v, %s, %s\nbut first %v, %s, %s", second, second.EventID(), second.Header("Location"), first, first.EventID(), first.Header("Location"))
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
	stone := me.Call("POST", path, message, key...).ExpectStatus(201) // nothing is sent, and nothing that was deleted is told
	if tells := me.Call("GET", path+"/1", nil).ExpectStatus(200); !bytes.Equal(stone.Body, tells.Body) ||
		stone.Header("Idempotency-Replayed") != "true" || stone.EventID() != first.EventID() {
		t.Errorf("%v, %s\nbut the message is %v, told of by %s", stone, stone.EventID(), tells, first.EventID())
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
	send := func(who *harness.Client, room models.Room, text string) *harness.Response {
		return who.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: text}, key...)
	}
	send(me, one, "text").ExpectStatus(201)
	for _, a := range []*harness.Response{send(me, two, "text"), send(me, two, "text")} {
		a.ExpectStatus(201)
	}
	if a := send(other, one, "text").ExpectStatus(201); a.Header("Idempotency-Replayed") != "" {
		t.Errorf("another's key was taken for theirs: %v", a)
	}
	send(me, one, "another text").ExpectProblem(409, models.CodeIdempotencyMismatch)
	me.Call("POST", harness.RoomPath(one.ID)+"/messages", []byte(`{"text": "text"}`), key...).ExpectProblem(409, models.CodeIdempotencyMismatch)
	if got := me.GetRoom(one.ID); got.MessageCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testReplayRace makes the same call many times at once: one creates, all answer the same.
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
			t.Errorf("%s: %d created; answers and how often they came: %v", path, created, bodies)
		}
	}
	if got := me.GetRoom(room.ID); got.MessageCount != 2 {
		t.Errorf("got %+v", got)
	}
}

// testLogInRace: who signs up several times at once has one account, in one session.
func testLogInRace(t *testing.T, c *harness.Client) {
	name, key := harness.UniqueName("ada"), harness.UniqueName("key")
	var mu sync.Mutex
	sessions := map[string]int{}
	var all sync.WaitGroup
	for range 5 {
		all.Go(func() {
			a, err := c.TryCall(t.Context(), "POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}, harness.IdempotencyKey, key)
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
		t.Errorf("answers, and how often they came: %v", sessions)
	}
}

// testReplaySession: a sign-up or log-in whose answer was lost can be made again, and its tokens are good.
func testReplaySession(t *testing.T, c *harness.Client) {
	name := harness.UniqueName("ada")
	for _, call := range []struct {
		path        string
		body, other any
	}{
		{"/v1/users", models.NewUser{Username: name, Password: harness.Password}, models.NewUser{Username: name, Password: harness.Password, DisplayName: harness.Ptr("A")}},
		{"/v1/sessions", models.Credentials{Username: name, Password: harness.Password}, models.Credentials{Username: name, Password: harness.Password, Cookie: true}},
	} {
		key := []string{harness.IdempotencyKey, harness.UniqueName("key")}
		first := c.Call("POST", call.path, call.body, key...).ExpectStatus(201)
		expectReplay(c, first, call.body, key...)
		var s models.Session
		first.Decode(&s)
		me := c.WithToken(s.AccessToken)
		if got := harness.Get[models.Page[models.SessionInfo]](me, "/v1/sessions?limit=1").Items; len(got) != 1 || got[0].ID != s.SessionID {
			t.Errorf("the newest session is %+v, not %s", got, s.SessionID)
		}
		c.Call("POST", call.path, call.other, key...).ExpectProblem(409, models.CodeIdempotencyMismatch)
		c.Call("POST", harness.RefreshPath, harness.RefreshBody(s.RefreshToken)).ExpectStatus(200)
	}
	// In cookie mode, the replay brings the cookie again.
	key := []string{harness.IdempotencyKey, harness.UniqueName("key")}
	body := models.Credentials{Username: name, Password: harness.Password, Cookie: true}
	_, first := expectSessionCookie(c.Call("POST", "/v1/sessions", body, key...).ExpectStatus(201))
	if _, second := expectSessionCookie(c.Call("POST", "/v1/sessions", body, key...).ExpectStatus(201)); first != second {
		t.Errorf("%s, then %s", first, second)
	}
}

// testKeyOfStrangers: who brings another secret is another caller, whatever the key: they get nobody's session, and do
// not learn that the key was used.
func testKeyOfStrangers(t *testing.T, c *harness.Client) {
	key := []string{harness.IdempotencyKey, "1"}
	name := harness.UniqueName("ada")
	var first, second models.Session
	c.Call("POST", "/v1/users", models.NewUser{Username: name, Password: harness.Password}, key...).ExpectStatus(201).Decode(&first)
	c.Call("POST", "/v1/users", models.NewUser{Username: name, Password: "another password"}, key...).ExpectProblem(409, models.CodeUsernameTaken)
	// The same password, by chance, of somebody else.
	a := c.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("bob"), Password: harness.Password}, key...).ExpectStatus(201).Decode(&second)
	if a.Header("Idempotency-Replayed") != "" || second.User.ID == first.User.ID {
		t.Errorf("a stranger is answered %v", a)
	}
	for _, s := range []models.Session{first, second} {
		var got models.Session
		logIn := models.Credentials{Username: s.User.Username, Password: harness.Password}
		c.Call("POST", "/v1/sessions", logIn, key...).ExpectStatus(201).Decode(&got)
		if got.User.ID != s.User.ID {
			t.Errorf("%s logs in as %+v", s.User.Username, got.User)
		}
		logIn.Password = "another password"
		c.Call("POST", "/v1/sessions", logIn, key...).ExpectProblem(401, models.CodeBadCredentials)
	}
}

// testKeyOfGuests: nothing proves that a guest who asks again is the one who asked first.
func testKeyOfGuests(_ *testing.T, c *harness.Client) {
	name := harness.UniqueName("guest")
	for range 2 {
		c.Call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}, harness.IdempotencyKey, harness.UniqueName("key")).ExpectInvalid(harness.IdempotencyKey)
	}
	guest := c.NewGuestNamed(name)
	c.Call("POST", "/v1/sessions", map[string]any{"username": name, "guest": true}).ExpectProblem(409, models.CodeUsernameTaken)
	// A token proves it.
	key := []string{harness.IdempotencyKey, harness.UniqueName("key")}
	sign := models.NewUser{Username: harness.UniqueName("ada"), Password: harness.Password}
	expectReplay(guest, guest.Call("POST", "/v1/users", sign, key...).ExpectStatus(201), sign, key...)
	sign.Password += "!"
	guest.Call("POST", "/v1/users", sign, key...).ExpectProblem(409, models.CodeIdempotencyMismatch)
	c.NewGuestNamed(name) // the name is free
}

// testReplayOldPassword: who knows a password that was given up gets no session by repeating the sign-up.
func testReplayOldPassword(_ *testing.T, c *harness.Client) {
	key := []string{harness.IdempotencyKey, harness.UniqueName("key")}
	sign := models.NewUser{Username: harness.UniqueName("ada"), Password: harness.Password}
	me := c.WithoutToken()
	me.Call("POST", "/v1/users", sign, key...).ExpectStatus(201).Decode(&me.Session)
	me.Call("PUT", "/v1/users/me/password", models.PasswordChange{CurrentPassword: harness.Password, NewPassword: "another password"}).ExpectStatus(204)
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
	me.Call("POST", path, models.NewMessage{Text: "x", ReplyTo: harness.Ptr(int64(9))}, key...).ExpectProblem(400, models.CodeInvalidRequest)
	if a := me.Call("POST", path, models.NewMessage{Text: "y"}, key...).ExpectStatus(201); a.Header("Idempotency-Replayed") != "" {
		t.Errorf("%v\nclaims to be a replay", a)
	}
	me.Call("POST", path, models.NewMessage{Text: "x"}, key...).ExpectProblem(409, models.CodeIdempotencyMismatch)

	taken := models.NewUser{Username: me.User.Username, Password: harness.Password}
	c.Call("POST", "/v1/users", taken, key...).ExpectProblem(409, models.CodeUsernameTaken)
	c.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("g"), Password: harness.Password}, key...).ExpectStatus(201)
	wrong := models.Credentials{Username: me.User.Username, Password: "wrong"}
	c.Call("POST", "/v1/sessions", wrong, harness.IdempotencyKey, harness.UniqueName("key")).ExpectProblem(401, models.CodeBadCredentials)
}

func testKeys(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	for _, good := range []string{"k", "!", "~", strings.Repeat("k", 128), `"a,b;c"`} {
		me.Call("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr("n")}, harness.IdempotencyKey, good).ExpectStatus(201)
	}
	before := len(harness.Get[models.Page[models.Room]](me, "/v1/rooms").Items)
	for _, bad := range []string{"", "a b", strings.Repeat("k", 129), "schlüssel", "tab\tbed", "\u00a0"} {
		me.CallInvalid("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr("n")}, harness.IdempotencyKey, bad).ExpectInvalid(harness.IdempotencyKey)
		me.CallInvalid("POST", "/v1/sessions", map[string]any{"username": harness.UniqueName("g"), "guest": true}, harness.IdempotencyKey, bad).ExpectInvalid(harness.IdempotencyKey)
	}
	if after := len(harness.Get[models.Page[models.Room]](me, "/v1/rooms").Items); after != before {
		t.Errorf("%d rooms, then %d", before, after)
	}
	// Keys are told apart by every character.
	for i := range 3 {
		me.Call("POST", "/v1/rooms", models.NewRoom{Name: harness.Ptr(fmt.Sprint("n", i))}, harness.IdempotencyKey, []string{"case", "Case", "case."}[i]).ExpectStatus(201)
	}
}
