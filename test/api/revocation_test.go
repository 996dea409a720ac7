package api

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestEndsHoldAtOnce ends what the server has just been asked about, in each of the ways in which it can end, and asks
// again.
func TestEndsHoldAtOnce(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{
		{Name: "session, logged out", Play: testLoggedOutAtOnce},
		{Name: "session, logged out from another", Play: testLoggedOutElsewhere},
		{Name: "session, refresh token used twice", Play: testReusedAtOnce},
		{Name: "session, password changed", Play: testPasswordChangedAtOnce},
		{Name: "session, account deleted", Play: testDeletedAtOnce},
		{Name: "membership", Play: testMembershipEnds},
		{Name: "direct room, blocked", Play: testBlockedAtOnce},
		{Name: "history, cleared", Play: testClearedAtOnce},
		{Name: "names", Play: testRenamedAtOnce},
	})
}

// typesIn is a room of the client's, in which it has just typed: the server knows the session and the membership.
func typesIn(c *harness.Client) (path string) {
	path = harness.RoomPath(c.CreateRoom(models.NewRoom{Name: harness.Ptr("room")}).ID) + "/typing"
	c.Call("POST", path, nil).ExpectStatus(204)
	return path
}

func testLoggedOutAtOnce(_ *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	path := typesIn(me)
	me.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
	me.Call("POST", path, nil).ExpectProblem(401, models.CodeSessionRevoked)
}

func testLoggedOutElsewhere(_ *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	path := typesIn(me)
	other := me.LogIn()
	other.Call("POST", path, nil).ExpectStatus(204)
	me.Call("DELETE", "/v1/sessions/"+other.SessionID, nil).ExpectStatus(204)
	other.Call("POST", path, nil).ExpectProblem(401, models.CodeSessionRevoked)
	me.Call("POST", path, nil).ExpectStatus(204)
}

func testReusedAtOnce(_ *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	var next models.Session
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectStatus(200).Decode(&next)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(next.RefreshToken)).ExpectStatus(200)
	path := typesIn(me)
	c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectProblem(401, models.CodeSessionRevoked)
	me.Call("POST", path, nil).ExpectProblem(401, models.CodeSessionRevoked)
}

func testPasswordChangedAtOnce(_ *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	path := typesIn(me)
	other := me.LogIn()
	other.Call("POST", path, nil).ExpectStatus(204)
	me.Call("PUT", "/v1/users/me/password", models.PasswordChange{CurrentPassword: harness.Password, NewPassword: "another password"}).ExpectStatus(204)
	other.Call("POST", path, nil).ExpectProblem(401, models.CodeSessionRevoked)
	me.Call("POST", path, nil).ExpectStatus(204)
}

func testDeletedAtOnce(_ *testing.T, c *harness.Client) {
	me := c.NewAccount("ada")
	path := typesIn(me)
	me.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
	me.Call("POST", path, nil).ExpectProblem(401, models.CodeSessionRevoked)
}

func testMembershipEnds(_ *testing.T, c *harness.Client) {
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
		"homeless": func(id int64, _ *harness.Client) { owner.Call("DELETE", harness.RoomPath(id), nil).ExpectStatus(204) },
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
			t.Errorf("%d messages are there, not %d", len(page.Items), left)
		}
		me.Call("DELETE", harness.RoomPath(room.ID)+"/messages", nil).ExpectStatus(204)
	}
}

func testRenamedAtOnce(t *testing.T, c *harness.Client) {
	me := c.NewGuest("ada")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	stream := me.OpenStream(fmt.Sprintf("room=%d", room.ID))
	stream.Expect(models.EventPresenceEntered, nil)
	as := func(want models.UserRef) {
		t.Helper()
		var e models.Typing
		me.Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
		stream.Expect(models.EventTyping, &e)
		if e.User != want {
			t.Errorf("%+v types, not %+v", e.User, want)
		}
	}
	as(me.User.Ref())
	var user models.User
	me.Call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: harness.Ptr("Countess")}).ExpectStatus(200).Decode(&user)
	as(user.Ref())
	var settled models.Session
	me.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("ada"), Password: harness.Password}).ExpectStatus(201).Decode(&settled)
	as(settled.User.Ref())
}

// TestNothingPassesAfterTheEnd has many requests under way while a session ends, and a membership. None that is begun
// after that was answered may pass, at whichever node.
func TestNothingPassesAfterTheEnd(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	t.Run("one node", func(t *testing.T) {
		harness.OnEachDatabase(t, func(t *testing.T, database string) {
			s := harness.StartServer(t, database, "--rate-limit", "off")
			endUnderLoad(t, s.URL, s.URL)
		})
	})
	t.Run("two nodes", func(t *testing.T) {
		t.Parallel()
		database := harness.NewPostgres(t)
		one, other := harness.StartServer(t, database, "--rate-limit", "off"), harness.StartServer(t, database, "--rate-limit", "off")
		endUnderLoad(t, one.URL, other.URL)
	})
}

func endUnderLoad(t *testing.T, url, other string) {
	owner := harness.NewClient(t, url).NewGuestNamed("owner")
	room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
	for i := range 10 {
		member := owner.NewGuestNamed(fmt.Sprint("member", i))
		path := harness.MemberPath(room.ID, member)
		owner.Call("PUT", path, nil).ExpectStatus(200)
		refusedAfter(t, member.AtServer(other), harness.RoomPath(room.ID)+"/typing", 404, func() { owner.Call("DELETE", path, nil).ExpectStatus(204) })
		own := member.CreateRoom(models.NewRoom{Name: harness.Ptr("own")})
		refusedAfter(t, member.AtServer(other), harness.RoomPath(own.ID)+"/typing", 401, func() {
			member.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
		})
	}
}

// refusedAfter has a client type all the while that end runs, and until it has been refused several times. A request
// that was under way when the end came may be refused for what went along with it: a room that was left, or is gone.
func refusedAfter(t *testing.T, c *harness.Client, path string, status int, end func()) {
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
				late := ended.Load()
				a, err := c.TryCall(t.Context(), "POST", path, nil)
				if err != nil {
					t.Error(err)
				}
				got := 0
				if err == nil {
					got = a.HTTP.StatusCode
				}
				under := !late && (got == 204 || got == 403 || got == 404)
				switch {
				case got != status && !under:
					t.Errorf("after the end: %v; %v", late, a)
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
