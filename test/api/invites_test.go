package api

import (
	"crypto/rand"
	"fmt"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestInvite lets an outsider join a private room with an invite.
func TestInvite(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
		guest := owner.NewGuestNamed("guest")
		theirs, mine := owner.OpenStream(""), guest.OpenStream("")
		invite := invite(owner, room.ID, models.NewInvite{})
		if invite.RoomID != room.ID || invite.MaxUses != 0 || invite.Uses != 0 || !invite.ExpiresAt.IsZero() {
			t.Errorf("got %+v", invite)
		}
		guest.Call("GET", harness.RoomPath(room.ID), nil).ExpectProblem(404, models.CodeNotFound)

		var joined, again, repeated models.Room
		key := []string{"Idempotency-Key", "join"}
		a := guest.Call("POST", invitePath(invite), nil, key...).ExpectStatus(200).Decode(&joined)
		if joined.ID != room.ID || joined.MemberCount != 2 || joined.Membership == nil ||
			joined.Membership.Role != models.RoleMember {
			t.Errorf("got %+v", joined)
		}
		for _, s := range []*harness.Stream{theirs, mine} {
			var e models.MemberEvent
			if got := s.Expect(models.EventMemberJoined, &e); got.ID != a.Header("Event-Id") || e.User.ID != guest.User.ID {
				t.Errorf("got %v", got)
			}
		}
		replay := guest.Call("POST", invitePath(invite), nil, key...).ExpectStatus(200).Decode(&repeated)
		if replay.Header("Idempotency-Replayed") != "true" || replay.Header("Event-Id") != a.Header("Event-Id") ||
			repeated.ID != room.ID {
			t.Errorf("got %v", replay)
		}
		second := guest.Call("POST", invitePath(invite), nil).ExpectStatus(200).Decode(&again)
		if second.Header("Event-Id") != "" {
			t.Errorf("a member joined again: %v", second)
		}
		if list := listInvites(owner, room.ID, ""); len(list.Items) != 1 || list.Items[0].Uses != 1 {
			t.Errorf("got the invites %+v", list)
		}
		guest.SendText(room.ID, "hello")
	})
}

// TestInviteUsesAreCountedExactly lets many users redeem an invite at once that has a few uses. Exactly that many join,
// a member who redeems it again needs no use, and for all others the invite has expired.
func TestInviteUsesAreCountedExactly(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
		invite := invite(owner, room.ID, models.NewInvite{MaxUses: harness.Ptr(int64(3))})
		var redeeming sync.WaitGroup
		var successes atomic.Int64
		for i := range 8 {
			c := owner.NewGuestNamed(fmt.Sprintf("guest-%d", i))
			for range 2 {
				redeeming.Go(func() {
					a := c.Send("POST", invitePath(invite), nil)
					a.CheckContract(true)
					if a.HTTP.StatusCode != 200 {
						a.ExpectProblem(410, models.CodeExpired)
						return
					}
					successes.Add(1)
				})
			}
		}
		redeeming.Wait()
		var now models.Room
		owner.Call("GET", harness.RoomPath(room.ID), nil).ExpectStatus(200).Decode(&now)
		if now.MemberCount != 4 || successes.Load() != 6 {
			t.Errorf("got %d members and %d successful calls, want 4 and 6", now.MemberCount, successes.Load())
		}
		if list := listInvites(owner, room.ID, ""); len(list.Items) != 0 {
			t.Errorf("a spent invite is listed: %+v", list)
		}
		owner.Call("POST", invitePath(invite), nil).ExpectStatus(200) // for a member, any invite returns the room
	})
}

// TestInviteExpires redeems invites that have expired, were revoked, or never existed.
func TestInviteExpires(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
		other := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("other"), Kind: harness.Ptr(models.RoomPrivate)})
		guest, banned := owner.NewGuestNamed("guest"), owner.NewGuestNamed("banned")
		short := invite(owner, room.ID, models.NewInvite{ExpiresAt: models.At(time.Now().Add(200 * time.Millisecond))})
		code := invite(owner, room.ID, models.NewInvite{ExpiresAt: models.At(time.Now().Add(time.Hour))})
		list := listInvites(owner, room.ID, "")
		for len(list.Items) == 2 { // until one has expired
			list = listInvites(owner, room.ID, "")
		}
		if len(list.Items) != 1 || list.Items[0] != code {
			t.Errorf("got the invites %+v", list)
		}
		guest.Call("POST", invitePath(short), nil).ExpectProblem(410, models.CodeExpired)

		owner.Call("PUT", fmt.Sprintf("%s/bans/%d", harness.RoomPath(room.ID), banned.User.ID), nil).ExpectStatus(200)
		banned.Call("POST", invitePath(code), nil).ExpectProblem(403, models.CodeBanned)
		revoke := fmt.Sprintf("%s/invites/%s", harness.RoomPath(room.ID), code.Code)
		owner.Call("DELETE", fmt.Sprintf("%s/invites/%s", harness.RoomPath(other.ID), code.Code), nil).ExpectStatus(204)
		owner.Call("POST", invitePath(code), nil).ExpectStatus(200) // the owner of another room cannot revoke it
		for range 2 {
			owner.Call("DELETE", revoke, nil).ExpectStatus(204)
		}
		guest.Call("POST", invitePath(code), nil).ExpectProblem(404, models.CodeNotFound)
		guest.Call("POST", "/v1/invites/unknown", nil).ExpectProblem(404, models.CodeNotFound)
		last := invite(owner, room.ID, models.NewInvite{})
		owner.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
		guest.Call("POST", invitePath(last), nil).ExpectProblem(404, models.CodeNotFound)
	})
}

// TestInvitesAreForModerators tries each route of a room's invites with each role, and sends invalid invites.
func TestInvitesAreForModerators(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room"), Kind: harness.Ptr(models.RoomPrivate)})
		member, moderator, stranger := owner.NewGuestNamed("member"), owner.NewGuestNamed("helper"),
			owner.NewGuestNamed("stranger")
		owner.Call("PUT", fmt.Sprintf("%s/members/%d", harness.RoomPath(room.ID), member.User.ID), nil).ExpectStatus(200)
		owner.Call("PUT", fmt.Sprintf("%s/members/%d", harness.RoomPath(room.ID), moderator.User.ID),
			models.RoleChange{Role: models.RoleModerator}).ExpectStatus(200)
		path := harness.RoomPath(room.ID) + "/invites"
		for _, refused := range []struct {
			user   *harness.Client
			status int
			code   models.Code
		}{{member, 403, models.CodeForbidden}, {stranger, 404, models.CodeNotFound}} {
			refused.user.Call("POST", path, models.NewInvite{}).ExpectProblem(refused.status, refused.code)
			refused.user.Call("GET", path, nil).ExpectProblem(refused.status, refused.code)
			refused.user.Call("DELETE", path+"/"+rand.Text(), nil).ExpectProblem(refused.status, refused.code)
		}
		for range 5 {
			invite(moderator, room.ID, models.NewInvite{})
		}
		seen := map[string]bool{}
		for cursor := ""; ; {
			list := listInvites(moderator, room.ID, "limit=2&cursor="+url.QueryEscape(cursor))
			for _, i := range list.Items {
				seen[i.Code] = true
			}
			if cursor = list.NextCursor; cursor == "" {
				break
			}
		}
		if len(seen) != 5 {
			t.Errorf("got %d invites on all pages, want 5", len(seen))
		}
		for _, body := range []string{
			`{"max_uses":0}`, `{"max_uses":"3"}`, `{"expires_at":"2001-01-01T00:00:00Z"}`, `{"uses":1}`,
		} {
			owner.Send("POST", path, []byte(body)).ExpectProblem(400, models.CodeInvalidRequest)
		}
		var direct models.Room
		owner.Call("PUT", "/v1/users/@member/direct", nil).ExpectStatus(200).Decode(&direct)
		owner.Call("POST", harness.RoomPath(direct.ID)+"/invites", models.NewInvite{}).
			ExpectProblem(403, models.CodeForbidden)
	})
}

// invite creates an invite and returns it.
func invite(c *harness.Client, roomID int64, n models.NewInvite) models.Invite {
	c.T.Helper()
	var invite models.Invite
	c.Call("POST", harness.RoomPath(roomID)+"/invites", n).ExpectStatus(201).Decode(&invite)
	return invite
}

// listInvites returns a page of a room's invites.
func listInvites(c *harness.Client, roomID int64, query string) models.Page[models.Invite] {
	c.T.Helper()
	var list models.Page[models.Invite]
	c.Call("GET", harness.RoomPath(roomID)+"/invites?"+query, nil).ExpectStatus(200).Decode(&list)
	return list
}

// invitePath returns the path at which an invite is redeemed.
func invitePath(i models.Invite) string { return "/v1/invites/" + url.PathEscape(i.Code) }
