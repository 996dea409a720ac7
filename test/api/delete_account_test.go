package api

import (
	"fmt"
	"net/url"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestDeleteAccount deletes an account that owns rooms, wrote in them, and left one. Its streams end, its rooms get new
// owners, its messages become tombstones, and the counts are exact for members who had read them and who had not.
func TestDeleteAccount(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		anna := harness.NewClient(t, s.URL).SignUp("anna", "correct horse")
		bob, carl := anna.NewGuestNamed("bob"), anna.NewGuestNamed("carl")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("shared")})
		left := bob.CreateRoom(models.NewRoom{Name: harness.Ptr("left")})
		alone := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("alone"), Kind: harness.Ptr(models.RoomPrivate)})
		var direct models.Room
		anna.Call("PUT", "/v1/users/@bob/direct", nil).ExpectStatus(200).Decode(&direct)
		bob.JoinRoom(room.ID)
		carl.JoinRoom(room.ID)
		anna.JoinRoom(left.ID)

		first := anna.SendText(room.ID, "one")
		anna.SendText(room.ID, "two")
		other := bob.SendText(room.ID, "mine")
		anna.Call("PUT", reactionPath(other, "👍"), nil).ExpectStatus(200)
		bob.Call("PUT", reactionPath(first, "👍"), nil).ExpectStatus(200)
		anna.Call("PUT", pinPath(first), nil).ExpectStatus(200)
		bob.Call("PUT", harness.RoomPath(room.ID)+"/read", models.ReadMark{MessageID: 1}).ExpectStatus(200)
		carl.SendText(room.ID, "by carl")
		anna.SendText(room.ID, "three")
		anna.SendText(direct.ID, "dear bob")
		anna.SendText(left.ID, "bye")
		anna.Call("DELETE", harness.RoomPath(left.ID)+"/members/me", nil).ExpectStatus(204)

		own := []*harness.Stream{anna.OpenStream(""), anna.LogInAs("anna", "correct horse").OpenStream("")}
		seen := bob.OpenStream("")
		anna.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)

		for _, stream := range own {
			var revoked models.SessionRevoked
			stream.Expect(models.EventSessionRevoked, &revoked)
			if revoked.Reason != models.RevokedByEnd {
				t.Errorf("got %+v", revoked)
			}
			stream.ExpectEnd()
		}
		anna.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
		anna.Call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: "correct horse"}).
			ExpectProblem(401, models.CodeBadCredentials)
		bob.Call("GET", "/v1/users/@anna", nil).ExpectProblem(404, models.CodeNotFound)
		bob.Call("GET", fmt.Sprintf("/v1/users/%d", anna.User.ID), nil).ExpectProblem(404, models.CodeNotFound)
		bob.Call("POST", "/v1/messages", map[string]any{"target": "@anna", "text": "?"}).
			ExpectProblem(404, models.CodeNotFound)

		wantEventCounts(t, seen, map[string]int{
			"member.updated": 1, "member.left": 2, "reaction.removed": 1, "pin.removed": 1, "message.deleted": 5,
		})
		wantCounts(t, bob, room.ID, 2, 1)
		wantCounts(t, carl, room.ID, 2, 1)
		wantCounts(t, bob, direct.ID, 0, 0)
		wantCounts(t, bob, left.ID, 0, 0)
		for _, id := range []int64{room.ID, direct.ID, left.ID} {
			for _, m := range bob.AllMessages(id) {
				removed := m.Sender.ID == anna.User.ID
				if removed != !m.DeletedAt.IsZero() || removed && (m.Text != "" || len(m.Reactions) > 0) {
					t.Errorf("after the deletion of anna's account: %+v", m)
				}
			}
		}
		wantReactions(t, bob.Call("GET", harness.MessagePath(other), nil).ExpectStatus(200))
		wantPins(t, bob, room.ID)
		var owned models.Room
		bob.Call("GET", harness.RoomPath(room.ID), nil).ExpectStatus(200).Decode(&owned)
		if owned.OwnerID != bob.User.ID || owned.MemberCount != 2 || owned.Membership.Role != models.RoleOwner {
			t.Errorf("got %+v as the room of the new owner", owned)
		}
		again := bob.SignUp("anna", "battery staple")
		if again.User.ID == anna.User.ID {
			t.Error("the id was used again")
		}
		again.Call("GET", harness.RoomPath(alone.ID), nil).ExpectProblem(404, models.CodeNotFound)
		again.Call("GET", harness.RoomPath(direct.ID), nil).ExpectProblem(404, models.CodeNotFound)
	})
}

// wantCounts compares a room's number of messages, and how many of them the client has not read.
func wantCounts(t *testing.T, c *harness.Client, roomID, messages, unread int64) {
	t.Helper()
	var r models.Room
	a := c.Call("GET", harness.RoomPath(roomID), nil).ExpectStatus(200).Decode(&r)
	if r.MessageCount != messages || r.Membership.UnreadCount != unread {
		t.Errorf("%v\nwant %d messages, %d unread", a, messages, unread)
	}
}

// wantEventCounts reads as many events as wanted, and compares how many there are of each name.
func wantEventCounts(t *testing.T, s *harness.Stream, want map[string]int) {
	t.Helper()
	n, got := 0, map[string]int{}
	for _, count := range want {
		n += count
	}
	for range n {
		got[s.Next().Name]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("got the events %v, want %v", got, want)
	}
}

// TestDeleteAccountRace deletes an account while it writes and while others add it to rooms. Every call gets the
// response of a call before or after the deletion, and nothing of the account stays behind.
func TestDeleteAccountRace(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		anna := owner.SignUp("anna", "correct horse")
		var rooms []models.Room
		for range 8 {
			rooms = append(rooms, owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")}))
		}
		anna.JoinRoom(rooms[0].ID)
		writing := owner.OpenStream(fmt.Sprintf("room=%d", rooms[0].ID))
		var busy sync.WaitGroup
		each := func(method, path string, c *harness.Client, body any) {
			busy.Go(func() {
				for range 20 {
					if a := c.Send(method, path, body); a.HTTP.StatusCode >= 500 {
						t.Error(a)
					}
				}
			})
		}
		each("POST", harness.RoomPath(rooms[0].ID)+"/messages", anna, models.NewMessage{Text: "x"})
		each("PUT", "/v1/users/@anna/direct", owner, nil)
		for _, r := range rooms {
			each("PUT", harness.RoomPath(r.ID)+fmt.Sprintf("/members/%d", anna.User.ID), owner, models.RoleChange{})
		}
		for writing.Next().Name != string(models.EventMessageCreated) {
			continue
		}
		anna.Call("DELETE", "/v1/users/me", nil).ExpectStatus(204)
		busy.Wait()
		for _, r := range rooms {
			harness.Eventually(t, "the counts do not include the deleted account", func() bool {
				now := harness.Get[models.Room](owner, harness.RoomPath(r.ID))
				return now.MemberCount == 1 && now.MessageCount == 0
			})
			for _, m := range owner.AllMessages(r.ID) {
				if m.DeletedAt.IsZero() {
					t.Errorf("left behind: %+v", m)
				}
			}
		}
	})
}

// TestExpiredGuestsAreDeleted lets the sessions of one of two guests expire in the database. The next start deletes
// that guest like an account.
func TestExpiredGuestsAreDeleted(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		stays, expires := harness.NewClient(t, s.URL).NewGuestNamed("stays"), harness.NewClient(t, s.URL).
			NewGuestNamed("expires")
		room := expires.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		stays.JoinRoom(room.ID)
		m := expires.SendText(room.ID, "hello")
		from := stays.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
		s.Stop()
		harness.Execute(t, database, fmt.Sprintf("UPDATE sessions SET expires_at = 1 WHERE user_id = %d", expires.User.ID))

		stays = stays.AtServer(harness.StartServer(t, database, "--presence-room-limit", "0").URL)
		seen := stays.OpenStream("", "Last-Event-ID", from)
		seen.Expect(models.EventMemberUpdated, nil)
		seen.Expect(models.EventMemberLeft, nil)
		var deleted models.MessageRef
		seen.Expect(models.EventMessageDeleted, &deleted)
		if deleted.MessageID != m.ID {
			t.Errorf("got %+v", deleted)
		}
		stays.Call("GET", "/v1/users/@expires", nil).ExpectProblem(404, models.CodeNotFound)
		stays.NewGuestNamed("expires")
	})
}

// TestDeleteAccountNeedsPassword checks that the deletion needs the password, unless the user has just logged in.
func TestDeleteAccountNeedsPassword(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		c := harness.NewClient(t, s.URL)
		const secret, header = "pässword, 100% mine", "Parley-Password"
		spelled := url.PathEscape(secret)
		me := c.SignUp("ada", secret)
		remove := func(user *harness.Client, headers ...string) *harness.Response {
			return user.Call("DELETE", "/v1/users/me", nil, headers...)
		}
		makeSessionsOld := func() {
			harness.Execute(t, database,
				fmt.Sprintf("UPDATE sessions SET created_at = created_at - %d", models.ProofLife.Milliseconds()))
		}

		remove(me, header, "another").ExpectProblem(401, models.CodeBadCredentials)
		makeSessionsOld()
		remove(me).ExpectInvalid(header)
		remove(me, header, "%zz").ExpectInvalid(header)
		remove(me, header, "%ff").ExpectInvalid(header)
		me.CallInvalid("DELETE", "/v1/users/me", nil, header, strings.Repeat("a", models.MaxPasswordLength+1)).
			ExpectInvalid(header)
		remove(me, header, "another").ExpectProblem(401, models.CodeBadCredentials)
		harness.Get[models.User](me, "/v1/users/me")
		remove(me, header, spelled).ExpectStatus(204)
		me.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)

		fresh := c.SignUp("grace", secret)
		makeSessionsOld()
		remove(fresh).ExpectInvalid(header)
		remove(fresh.LogInAs("grace", secret)).ExpectStatus(204)

		guest := c.NewGuest("guest")
		makeSessionsOld()
		remove(guest).ExpectStatus(204)
	})
}

// TestDeleteAccountLimitsPasswordGuesses checks that wrong passwords are limited like those of a login.
func TestDeleteAccountLimitsPasswordGuesses(t *testing.T) {
	t.Parallel()
	me := harness.NewClient(t, harness.StartServer(t, harness.NewSQLite(t)).URL).
		SignUp("ada", harness.Password)
	a := me.Call("DELETE", "/v1/users/me", nil, "Parley-Password", "guess")
	for range 100 {
		if a.HTTP.StatusCode == 429 {
			break
		}
		a.ExpectProblem(401, models.CodeBadCredentials)
		a = me.Call("DELETE", "/v1/users/me", nil, "Parley-Password", "guess")
	}
	expectLimited(a)
	harness.Get[models.User](me, "/v1/users/me")
}
