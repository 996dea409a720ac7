package main

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestInvite lets somebody into a private room, who is an outsider before and a member after.
func TestInvite(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--presence-room-limit", "0")
		owner := newClient(t, s.url).guest("owner")
		room := owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)})
		guest := owner.guest("guest")
		theirs, mine := owner.open(""), guest.open("")
		invite := owner.invite(room.ID, models.NewInvite{})
		if invite.RoomID != room.ID || invite.MaxUses != 0 || invite.Uses != 0 || !invite.ExpiresAt.IsZero() {
			t.Errorf("got %+v", invite)
		}
		guest.call("GET", roomPath(room.ID), nil).problem(404, models.CodeNotFound)

		var joined, again, repeated models.Room
		key := []string{"Idempotency-Key", "come-in"}
		a := guest.call("POST", invitePath(invite), nil, key...).status(200).into(&joined)
		if joined.ID != room.ID || joined.MemberCount != 2 || joined.Membership == nil || joined.Membership.Role != models.RoleMember {
			t.Errorf("got %+v", joined)
		}
		for _, s := range []*stream{theirs, mine} {
			var e models.MemberEvent
			if got := s.expect(models.EventMemberJoined, &e); got.id != a.header("Event-Id") || e.User.ID != guest.User.ID {
				t.Errorf("got %v", got)
			}
		}
		replay := guest.call("POST", invitePath(invite), nil, key...).status(200).into(&repeated)
		if replay.header("Idempotency-Replayed") != "true" || replay.header("Event-Id") != a.header("Event-Id") || repeated.ID != room.ID {
			t.Errorf("got %v", replay)
		}
		if once := guest.call("POST", invitePath(invite), nil).status(200).into(&again); once.header("Event-Id") != "" {
			t.Errorf("one who is a member joined again: %v", once)
		}
		if list := owner.invites(room.ID, ""); len(list.Items) != 1 || list.Items[0].Uses != 1 {
			t.Errorf("the invites are %+v", list)
		}
		guest.say(room.ID, "hello")
	})
}

// TestInviteIsSpent lets many come at once with a code for a few: exactly those few get in, whoever is in already
// uses nothing up, and to all others the code has run out.
func TestInviteIsSpent(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		room := owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)})
		invite := owner.invite(room.ID, models.NewInvite{MaxUses: ptr(int64(3))})
		var coming sync.WaitGroup
		var in atomic.Int64
		for i := range 8 {
			c := owner.guest(fmt.Sprintf("guest-%d", i))
			for range 2 {
				coming.Go(func() {
					a := c.send("POST", invitePath(invite), nil)
					a.check(true)
					if a.response.StatusCode != 200 {
						a.problem(410, models.CodeExpired)
						return
					}
					in.Add(1)
				})
			}
		}
		coming.Wait()
		var now models.Room
		owner.call("GET", roomPath(room.ID), nil).status(200).into(&now)
		if now.MemberCount != 4 || in.Load() != 6 {
			t.Errorf("the room has %d members, and %d calls let somebody in", now.MemberCount, in.Load())
		}
		if list := owner.invites(room.ID, ""); len(list.Items) != 0 {
			t.Errorf("a spent invite is listed: %+v", list)
		}
		owner.call("POST", invitePath(invite), nil).status(200) // a member, whom no invite keeps out
	})
}

// TestInviteRunsOut shows what a code is when its time is over, when it was revoked, and when it never was.
func TestInviteRunsOut(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		room := owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)})
		other := owner.room(models.NewRoom{Name: ptr("other"), Kind: ptr(models.RoomPrivate)})
		guest, banned := owner.guest("guest"), owner.guest("banned")
		short := owner.invite(room.ID, models.NewInvite{ExpiresAt: models.At(time.Now().Add(200 * time.Millisecond))})
		code := owner.invite(room.ID, models.NewInvite{ExpiresAt: models.At(time.Now().Add(time.Hour))})
		list := owner.invites(room.ID, "")
		for len(list.Items) == 2 { // until the time of one is over
			list = owner.invites(room.ID, "")
		}
		if len(list.Items) != 1 || list.Items[0] != code {
			t.Errorf("the invites are %+v", list)
		}
		guest.call("POST", invitePath(short), nil).problem(410, models.CodeExpired)

		owner.call("PUT", fmt.Sprintf("%s/bans/%d", roomPath(room.ID), banned.User.ID), nil).status(200)
		banned.call("POST", invitePath(code), nil).problem(403, models.CodeBanned)
		revoke := fmt.Sprintf("%s/invites/%s", roomPath(room.ID), code.Code)
		owner.call("DELETE", fmt.Sprintf("%s/invites/%s", roomPath(other.ID), code.Code), nil).status(204)
		owner.call("POST", invitePath(code), nil).status(200) // another room's moderator revokes nothing here
		for range 2 {
			owner.call("DELETE", revoke, nil).status(204)
		}
		guest.call("POST", invitePath(code), nil).problem(404, models.CodeNotFound)
		guest.call("POST", "/v1/invites/never-was", nil).problem(404, models.CodeNotFound)
		last := owner.invite(room.ID, models.NewInvite{})
		owner.call("DELETE", roomPath(room.ID), nil).status(204)
		guest.call("POST", invitePath(last), nil).problem(404, models.CodeNotFound)
	})
}

// TestInvitesAreForModerators holds each route of a room's invites against each role, and what is no invite.
func TestInvitesAreForModerators(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		room := owner.room(models.NewRoom{Name: ptr("room"), Kind: ptr(models.RoomPrivate)})
		member, moderator, stranger := owner.guest("member"), owner.guest("helper"), owner.guest("stranger")
		owner.call("PUT", fmt.Sprintf("%s/members/%d", roomPath(room.ID), member.User.ID), nil).status(200)
		owner.call("PUT", fmt.Sprintf("%s/members/%d", roomPath(room.ID), moderator.User.ID),
			models.RoleChange{Role: models.RoleModerator}).status(200)
		path := roomPath(room.ID) + "/invites"
		for _, one := range []struct {
			who    *client
			status int
			code   models.Code
		}{{member, 403, models.CodeForbidden}, {stranger, 404, models.CodeNotFound}} {
			one.who.call("POST", path, models.NewInvite{}).problem(one.status, one.code)
			one.who.call("GET", path, nil).problem(one.status, one.code)
			one.who.call("DELETE", path+"/"+rand.Text(), nil).problem(one.status, one.code)
		}
		for range 5 {
			moderator.invite(room.ID, models.NewInvite{})
		}
		seen := map[string]bool{}
		for cursor := ""; ; {
			list := moderator.invites(room.ID, "limit=2&cursor="+url.QueryEscape(cursor))
			for _, i := range list.Items {
				seen[i.Code] = true
			}
			if cursor = list.NextCursor; cursor == "" {
				break
			}
		}
		if len(seen) != 5 {
			t.Errorf("the pages have %d invites", len(seen))
		}
		for _, body := range []string{`{"max_uses":0}`, `{"max_uses":"3"}`, `{"expires_at":"2001-01-01T00:00:00Z"}`, `{"uses":1}`} {
			owner.send("POST", path, []byte(body)).problem(400, models.CodeInvalidRequest)
		}
		var direct models.Room
		owner.call("PUT", "/v1/users/@member/direct", nil).status(200).into(&direct)
		owner.call("POST", roomPath(direct.ID)+"/invites", models.NewInvite{}).problem(403, models.CodeForbidden)
	})
}

// invite makes an invite and answers it.
func (c *client) invite(roomID int64, n models.NewInvite) models.Invite {
	c.t.Helper()
	var invite models.Invite
	c.call("POST", roomPath(roomID)+"/invites", n).status(201).into(&invite)
	return invite
}

func (c *client) invites(roomID int64, query string) models.Page[models.Invite] {
	c.t.Helper()
	var list models.Page[models.Invite]
	c.call("GET", roomPath(roomID)+"/invites?"+query, nil).status(200).into(&list)
	return list
}

func invitePath(i models.Invite) string { return "/v1/invites/" + url.PathEscape(i.Code) }
