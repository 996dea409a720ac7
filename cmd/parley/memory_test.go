package main

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestEndsHoldAtOnce ends what the server has just been asked about, in each of the ways in which it can end, and asks
// again.
func TestEndsHoldAtOnce(t *testing.T) {
	play(t, []scenario{
		{"session, logged out", testLoggedOutAtOnce},
		{"session, logged out from another", testLoggedOutElsewhere},
		{"session, refresh token used twice", testReusedAtOnce},
		{"session, password changed", testPasswordChangedAtOnce},
		{"session, account deleted", testDeletedAtOnce},
		{"membership", testMembershipEnds},
		{"direct room, blocked", testBlockedAtOnce},
		{"history, cleared", testClearedAtOnce},
		{"names", testRenamedAtOnce},
	})
}

// typesIn is a room of the client's, in which it has just typed: the server knows the session and the membership.
func typesIn(c *client) (path string) {
	path = roomPath(c.room(models.NewRoom{Name: ptr("room")}).ID) + "/typing"
	c.call("POST", path, nil).status(204)
	return path
}

func testLoggedOutAtOnce(_ *testing.T, c *client) {
	me := c.newcomer("ada")
	path := typesIn(me)
	me.call("DELETE", "/v1/sessions/current", nil).status(204)
	me.call("POST", path, nil).problem(401, models.CodeSessionRevoked)
}

func testLoggedOutElsewhere(_ *testing.T, c *client) {
	me := c.account("ada")
	path := typesIn(me)
	other := me.logIn()
	other.call("POST", path, nil).status(204)
	me.call("DELETE", "/v1/sessions/"+other.SessionID, nil).status(204)
	other.call("POST", path, nil).problem(401, models.CodeSessionRevoked)
	me.call("POST", path, nil).status(204)
}

func testReusedAtOnce(_ *testing.T, c *client) {
	me := c.account("ada")
	var next models.Session
	c.call("POST", refreshPath, refresh(me.RefreshToken)).status(200).into(&next)
	c.call("POST", refreshPath, refresh(next.RefreshToken)).status(200)
	path := typesIn(me)
	c.call("POST", refreshPath, refresh(me.RefreshToken)).problem(401, models.CodeSessionRevoked)
	me.call("POST", path, nil).problem(401, models.CodeSessionRevoked)
}

func testPasswordChangedAtOnce(_ *testing.T, c *client) {
	me := c.account("ada")
	path := typesIn(me)
	other := me.logIn()
	other.call("POST", path, nil).status(204)
	me.call("PUT", "/v1/users/me/password", models.PasswordChange{CurrentPassword: password, NewPassword: "another password"}).status(204)
	other.call("POST", path, nil).problem(401, models.CodeSessionRevoked)
	me.call("POST", path, nil).status(204)
}

func testDeletedAtOnce(_ *testing.T, c *client) {
	me := c.account("ada")
	path := typesIn(me)
	me.call("DELETE", "/v1/users/me", nil).status(204)
	me.call("POST", path, nil).problem(401, models.CodeSessionRevoked)
}

func testMembershipEnds(_ *testing.T, c *client) {
	owner := c.newcomer("ada")
	for name, end := range map[string]func(roomID int64, member *client){
		"leaver":  func(id int64, member *client) { member.call("DELETE", roomPath(id)+"/members/me", nil).status(204) },
		"removed": func(id int64, member *client) { owner.call("DELETE", memberPath(id, member), nil).status(204) },
		"banned": func(id int64, member *client) {
			path := fmt.Sprintf("%s/bans/%d", roomPath(id), member.User.ID)
			owner.call("PUT", path, models.NewBan{}).status(200)
		},
		"homeless": func(id int64, _ *client) { owner.call("DELETE", roomPath(id), nil).status(204) },
	} {
		id := owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)}).ID
		member := c.newcomer(name)
		presence := roomPath(id) + "/presence/" + member.open("").ready.StreamID
		owner.call("PUT", memberPath(id, member), nil)
		member.call("POST", roomPath(id)+"/typing", nil).status(204)
		member.call("PUT", presence, nil).status(204)
		member.call("GET", roomPath(id)+"/messages", nil).status(200)
		end(id, member)
		member.call("POST", roomPath(id)+"/typing", nil).problem(404, models.CodeNotFound)
		member.call("PUT", presence, nil).problem(404, models.CodeNotFound)
		member.call("DELETE", presence, nil).problem(404, models.CodeNotFound)
		member.call("GET", roomPath(id)+"/messages", nil).problem(404, models.CodeNotFound)
	}
}

func testBlockedAtOnce(_ *testing.T, c *client) {
	me, other := c.newcomer("ada"), c.newcomer("ben")
	var room models.Room
	me.call("PUT", fmt.Sprintf("/v1/users/%d/direct", other.User.ID), nil).status(200).into(&room)
	path, block := roomPath(room.ID)+"/typing", blockPath(me)
	for range 2 {
		me.call("POST", path, nil).status(204)
		other.call("PUT", block, nil).status(200)
		me.call("POST", path, nil).problem(403, models.CodeBlocked)
		other.call("DELETE", block, nil).status(204)
	}
	me.call("POST", path, nil).status(204)
}

func testClearedAtOnce(t *testing.T, c *client) {
	me := c.newcomer("ada")
	room := me.room(models.NewRoom{Name: ptr("room")})
	me.say(room.ID, "one")
	for _, left := range []int{1, 0} {
		var page models.Page[models.Message]
		me.call("GET", roomPath(room.ID)+"/messages", nil).status(200).into(&page)
		if len(page.Items) != left {
			t.Errorf("%d messages are there, not %d", len(page.Items), left)
		}
		me.call("DELETE", roomPath(room.ID)+"/messages", nil).status(204)
	}
}

func testRenamedAtOnce(t *testing.T, c *client) {
	me := c.newcomer("ada")
	room := me.room(models.NewRoom{Name: ptr("room")})
	stream := me.open(fmt.Sprintf("room=%d", room.ID))
	stream.expect(models.EventPresenceEntered, nil)
	as := func(want models.UserRef) {
		t.Helper()
		var e models.Typing
		me.call("POST", roomPath(room.ID)+"/typing", nil).status(204)
		stream.expect(models.EventTyping, &e)
		if e.User != want {
			t.Errorf("%+v types, not %+v", e.User, want)
		}
	}
	as(me.User.Ref())
	var user models.User
	me.call("PATCH", "/v1/users/me", models.ProfileChange{DisplayName: ptr("Countess")}).status(200).into(&user)
	as(user.Ref())
	var settled models.Session
	me.call("POST", "/v1/users", models.NewUser{Username: unique("ada"), Password: password}).status(201).into(&settled)
	as(settled.User.Ref())
}

// TestNothingPassesAfterTheEnd has many requests under way while a session ends, and a membership. None that is begun
// after that was answered may pass, at whichever node.
func TestNothingPassesAfterTheEnd(t *testing.T) {
	long(t)
	t.Parallel()
	t.Run("one node", func(t *testing.T) {
		onEachDatabase(t, func(t *testing.T, database string) {
			s := startServer(t, database, "--rate-limit", "off")
			endUnderLoad(t, s.url, s.url)
		})
	})
	t.Run("two nodes", func(t *testing.T) {
		t.Parallel()
		database := newPostgres(t)
		one, other := startServer(t, database, "--rate-limit", "off"), startServer(t, database, "--rate-limit", "off")
		endUnderLoad(t, one.url, other.url)
	})
}

func endUnderLoad(t *testing.T, url, other string) {
	owner := newClient(t, url).guest("owner")
	room := owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)})
	for i := range 10 {
		member := owner.guest(fmt.Sprint("member", i))
		path := memberPath(room.ID, member)
		owner.call("PUT", path, nil).status(200)
		refusedAfter(t, member.at(other), roomPath(room.ID)+"/typing", 404, func() { owner.call("DELETE", path, nil).status(204) })
		own := member.room(models.NewRoom{Name: ptr("own")})
		refusedAfter(t, member.at(other), roomPath(own.ID)+"/typing", 401, func() {
			member.call("DELETE", "/v1/sessions/current", nil).status(204)
		})
	}
}

// refusedAfter has a client type all the while that end runs, and until it has been refused several times. A request that
// was under way when the end came may be refused for what went along with it: a room that was left, or is gone.
func refusedAfter(t *testing.T, c *client, path string, status int, end func()) {
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
				a, err := c.try(t.Context(), "POST", path, nil)
				if err != nil {
					t.Error(err)
				}
				got := 0
				if err == nil {
					got = a.response.StatusCode
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
