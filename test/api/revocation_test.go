package api

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestRevocationTakesEffectAtOnce revokes a session, a membership or a permission directly after a request has used it,
// in each possible way, and sends the request again.
func TestRevocationTakesEffectAtOnce(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "session, logged out", Run: testLoggedOutAtOnce},
		{Name: "session, logged out from another", Run: testOtherSessionLoggedOutAtOnce},
		{Name: "session, refresh token used twice", Run: testRefreshTokenReusedAtOnce},
		{Name: "session, password changed", Run: testPasswordChangedAtOnce},
		{Name: "session, account deleted", Run: testDeletedAtOnce},
		{Name: "membership", Run: testMembershipEndsAtOnce},
		{Name: "direct room, blocked", Run: testBlockedAtOnce},
		{Name: "history, cleared", Run: testClearedAtOnce},
		{Name: "names", Run: testRenamedAtOnce},
	})
}

// typingPath returns the typing path of a new room in which the client has just typed, so that the server has the
// session and the membership in its cache.
func typingPath(c *harness.Client) (path string) {
	path = harness.RoomPath(c.CreateRoom(models.NewRoom{Name: harness.Ptr("room")}).ID) + "/typing"
	c.Call("POST", path, nil).ExpectStatus(204)
	return path
}

func testLoggedOutAtOnce(_ *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	path := typingPath(me)
	me.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	me.Call("POST", path, nil).ExpectProblem(401, models.CodeSessionRevoked)
}

func testOtherSessionLoggedOutAtOnce(_ *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	path := typingPath(me)
	other := me.LogIn()
	other.Call("POST", path, nil).ExpectStatus(204)
	me.Call("DELETE", "/v1/sessions/"+other.SessionID, nil).ExpectStatus(204)
	other.Call("POST", path, nil).ExpectProblem(401, models.CodeSessionRevoked)
	me.Call("POST", path, nil).ExpectStatus(204)
}

func testRefreshTokenReusedAtOnce(_ *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	var next models.Session
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectStatus(200).Decode(&next)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(next.RefreshToken)).ExpectStatus(200)
	path := typingPath(me)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectProblem(401, models.CodeSessionRevoked)
	me.Call("POST", path, nil).ExpectProblem(401, models.CodeSessionRevoked)
}

func testPasswordChangedAtOnce(_ *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	path := typingPath(me)
	other := me.LogIn()
	other.Call("POST", path, nil).ExpectStatus(204)
	me.Call("PUT", "/v1/users/me/password",
		models.PasswordChange{CurrentPassword: harness.Password, NewPassword: "another password"}).ExpectStatus(204)
	other.Call("POST", path, nil).ExpectProblem(401, models.CodeSessionRevoked)
	me.Call("POST", path, nil).ExpectStatus(204)
}

func testDeletedAtOnce(_ *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	path := typingPath(me)
	me.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	me.Call("POST", path, nil).ExpectProblem(401, models.CodeSessionRevoked)
}

func testMembershipEndsAtOnce(_ *testing.T, c *harness.Client) {
	owner := c.NewGuest("ada")
	for name, end := range map[string]func(roomID int64, member *harness.Client){
		"leaver": func(id int64, member *harness.Client) {
			member.Call("DELETE", harness.RoomPath(id)+"/members/me", nil).ExpectStatus(204)
		},
		"removed": func(id int64, member *harness.Client) {
			owner.Call("DELETE", harness.MemberPath(id, member), nil).ExpectStatus(204)
		},
		"banned": func(id int64, member *harness.Client) {
			path := fmt.Sprintf("%s/bans/%d", harness.RoomPath(id), member.User.ID)
			owner.Call("PUT", path, models.NewBan{}).ExpectStatus(200)
		},
		"deleted-room": func(id int64, _ *harness.Client) {
			owner.Call("DELETE", harness.RoomPath(id), nil).ExpectStatus(204)
		},
	} {
		id := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)}).ID
		member := c.NewGuest(name)
		presence := harness.RoomPath(id) + "/presence/" + member.OpenStream("").Ready.StreamID
		owner.Call("PUT", harness.MemberPath(id, member), nil)
		member.Call("POST", harness.RoomPath(id)+"/typing", nil).ExpectStatus(204)
		member.Call("PUT", presence, nil).ExpectStatus(204)
		member.Call("GET", harness.RoomPath(id)+"/messages", nil).ExpectStatus(200)
		end(id, member)
		member.Call("POST", harness.RoomPath(id)+"/typing", nil).ExpectProblem(404, models.CodeNotFound)
		member.Call("PUT", presence, nil).ExpectProblem(404, models.CodeNotFound)
		member.Call("DELETE", presence, nil).ExpectProblem(404, models.CodeNotFound)
		member.Call("GET", harness.RoomPath(id)+"/messages", nil).ExpectProblem(404, models.CodeNotFound)
	}
}

func testBlockedAtOnce(_ *testing.T, c *harness.Client) {
	me, other := c.NewGuest("ada"), c.NewGuest("ben")
	var room models.Room
	me.Call("PUT", fmt.Sprintf("/v1/users/%d/direct", other.User.ID), nil).ExpectStatus(200).Decode(&room)
	path, block := harness.RoomPath(room.ID)+"/typing", harness.BlockPath(me)
	for range 2 {
		me.Call("POST", path, nil).ExpectStatus(204)
		other.Call("PUT", block, nil).ExpectStatus(200)
		me.Call("POST", path, nil).ExpectProblem(403, models.CodeBlocked)
		other.Call("DELETE", block, nil).ExpectStatus(204)
	}
	me.Call("POST", path, nil).ExpectStatus(204)
}

func testClearedAtOnce(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	me.SendText(room.ID, "one")
	for _, left := range []int{1, 0} {
		var page models.Page[models.Message]
		me.Call("GET", harness.RoomPath(room.ID)+"/messages", nil).ExpectStatus(200).Decode(&page)
		if len(page.Items) != left {
			t.Errorf("got %d messages, want %d", len(page.Items), left)
		}
		me.Call("DELETE", harness.RoomPath(room.ID)+"/messages", nil).ExpectStatus(204)
	}
}

func testRenamedAtOnce(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	stream := me.OpenStream(fmt.Sprintf("room=%d", room.ID))
	stream.Expect(models.EventPresenceEntered, nil)
	typesAs := func(want models.UserRef) {
		t.Helper()
		var e models.Typing
		me.Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
		stream.Expect(models.EventTyping, &e)
		if e.User != want {
			t.Errorf("got %+v in the typing event, want %+v", e.User, want)
		}
	}
	typesAs(me.User.Ref())
	var user models.User
	me.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: harness.Ptr("Countess")}).ExpectStatus(200).
		Decode(&user)
	typesAs(user.Ref())
	var upgraded models.Session
	me.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("ada"), Password: harness.Password}).
		ExpectStatus(201).Decode(&upgraded)
	typesAs(upgraded.User.Ref())
}

// TestNoRequestPassesAfterRevocation sends many requests while a session ends and while a membership ends. No request
// that begins after the response to the revocation may succeed, on any node.
func TestNoRequestPassesAfterRevocation(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	t.Run("one node", func(t *testing.T) {
		harness.OnEachDatabase(t, func(t *testing.T, database string) {
			s := harness.StartServer(t, database, "--rate-limit", "off")
			revokeUnderLoad(t, s.URL, s.URL)
		})
	})
	t.Run("two nodes", func(t *testing.T) {
		t.Parallel()
		database := harness.NewPostgres(t)
		first := harness.StartServer(t, database, "--rate-limit", "off")
		second := harness.StartServer(t, database, "--rate-limit", "off")
		revokeUnderLoad(t, first.URL, second.URL)
	})
}

// revokeUnderLoad ends memberships and sessions at one node, while requests use them at the other one.
func revokeUnderLoad(t *testing.T, url, other string) {
	owner := harness.NewClient(t, url).NewGuestNamed("owner")
	room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
	for i := range 10 {
		member := owner.NewGuestNamed(fmt.Sprint("member", i))
		path := harness.MemberPath(room.ID, member)
		owner.Call("PUT", path, nil).ExpectStatus(200)
		expectRefusedAfter(t, member.AtServer(other), harness.RoomPath(room.ID)+"/typing", 404, func() {
			owner.Call("DELETE", path, nil).ExpectStatus(204)
		})
		own := member.CreateRoom(models.NewRoom{Name: harness.Ptr("own")})
		expectRefusedAfter(t, member.AtServer(other), harness.RoomPath(own.ID)+"/typing", 401, func() {
			member.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
		})
	}
}

// expectRefusedAfter lets a client type while end runs, and until it has been refused several times. A request that
// overlaps with the end may be refused for a side effect of it: the user has left the room, or the room is deleted.
func expectRefusedAfter(t *testing.T, c *harness.Client, path string, status int, end func()) {
	t.Helper()
	const typists, passes, refusals = 4, 10, 5
	var ended atomic.Bool
	var typing, warm sync.WaitGroup
	warm.Add(typists)
	for range typists {
		typing.Go(func() {
			warmed := sync.OnceFunc(warm.Done)
			defer warmed()
			for passed, refused := 0, 0; refused < refusals; {
				after := ended.Load()
				a, err := c.TryCall(t.Context(), "POST", path, nil)
				if err != nil {
					t.Error(err)
				}
				got := 0
				if err == nil {
					got = a.HTTP.StatusCode
				}
				overlaps := !after && (got == 204 || got == 403 || got == 404)
				switch {
				case got != status && !overlaps:
					t.Errorf("begun after the end: %t; got %v", after, a)
					refused = refusals
				case got == 204:
					passed++
				default:
					refused++
				}
				if passed == passes {
					warmed()
				}
			}
		})
	}
	warm.Wait()
	end()
	ended.Store(true)
	typing.Wait()
}
