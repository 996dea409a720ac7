package main

import (
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/parley-chat/parley/models"
)

// TestDeleteAccount deletes an account that owns rooms, wrote in them, and left one: its streams end, its rooms are
// handed over, and what it wrote is tombstones, with counts that are exact for those who had read and those who had not.
func TestDeleteAccount(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--presence-room-limit", "0")
		anna := newClient(t, s.url).signUp("anna", "correct horse")
		bob, carl := anna.guest("bob"), anna.guest("carl")
		room := anna.room(models.NewRoom{Name: ptr("shared")})
		left := bob.room(models.NewRoom{Name: ptr("left")})
		alone := anna.room(models.NewRoom{Name: ptr("alone"), Kind: ptr(models.RoomPrivate)})
		var direct models.Room
		anna.call("PUT", "/v1/users/@bob/direct", nil).status(200).into(&direct)
		bob.join(room.ID)
		carl.join(room.ID)
		anna.join(left.ID)

		first := anna.say(room.ID, "one")
		anna.say(room.ID, "two")
		other := bob.say(room.ID, "mine")
		anna.call("PUT", reactionPath(other, "👍"), nil).status(200)
		bob.call("PUT", reactionPath(first, "👍"), nil).status(200)
		anna.call("PUT", pinPath(first), nil).status(200)
		bob.call("PUT", roomPath(room.ID)+"/read", models.ReadMark{MessageID: 1}).status(200)
		carl.say(room.ID, "of carl")
		anna.say(room.ID, "three")
		anna.say(direct.ID, "dear bob")
		anna.say(left.ID, "bye")
		anna.call("DELETE", roomPath(left.ID)+"/members/me", nil).status(204)

		ended := []*stream{anna.open(""), anna.logInAs("anna", "correct horse").open("")}
		seen := bob.open("")
		anna.call("DELETE", "/v1/users/me", nil).status(204)

		for _, e := range ended {
			var revoked models.SessionRevoked
			e.expect(models.EventSessionRevoked, &revoked)
			if revoked.Reason != models.RevokedByEnd {
				t.Errorf("got %+v", revoked)
			}
			e.end()
		}
		anna.call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)
		anna.call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: "correct horse"}).
			problem(401, models.CodeBadCredentials)
		bob.call("GET", "/v1/users/@anna", nil).problem(404, models.CodeNotFound)
		bob.call("GET", fmt.Sprintf("/v1/users/%d", anna.User.ID), nil).problem(404, models.CodeNotFound)
		bob.call("POST", "/v1/messages", map[string]any{"target": "@anna", "text": "?"}).problem(404, models.CodeNotFound)

		wantTold(t, seen, map[string]int{
			"member.updated": 1, "member.left": 2, "reaction.removed": 1, "pin.removed": 1, "message.deleted": 5,
		})
		wantCounts(t, bob, room.ID, 2, 1)
		wantCounts(t, carl, room.ID, 2, 1)
		wantCounts(t, bob, direct.ID, 0, 0)
		wantCounts(t, bob, left.ID, 0, 0)
		for _, id := range []int64{room.ID, direct.ID, left.ID} {
			for _, m := range bob.history(id) {
				if gone := m.Sender.ID == anna.User.ID; gone != !m.DeletedAt.IsZero() || gone && (m.Text != "" || len(m.Reactions) > 0) {
					t.Errorf("after the end of its sender's account: %+v", m)
				}
			}
		}
		wantReactions(t, bob.call("GET", messagePath(other), nil).status(200))
		wantPins(t, bob, room.ID)
		var owned models.Room
		bob.call("GET", roomPath(room.ID), nil).status(200).into(&owned)
		if owned.OwnerID != bob.User.ID || owned.MemberCount != 2 || owned.Membership.Role != models.RoleOwner {
			t.Errorf("handed over as %+v", owned)
		}
		again := bob.signUp("anna", "battery staple")
		if again.User.ID == anna.User.ID {
			t.Error("the id was given out again")
		}
		again.call("GET", roomPath(alone.ID), nil).problem(404, models.CodeNotFound)
		again.call("GET", roomPath(direct.ID), nil).problem(404, models.CodeNotFound)
	})
}

func wantCounts(t *testing.T, c *client, roomID, messages, unread int64) {
	t.Helper()
	var r models.Room
	a := c.call("GET", roomPath(roomID), nil).status(200).into(&r)
	if r.MessageCount != messages || r.Membership.UnreadCount != unread {
		t.Errorf("%v\nwanted %d messages, %d unread", a, messages, unread)
	}
}

// wantTold reads as many events as are wanted and counts them by name.
func wantTold(t *testing.T, s *stream, want map[string]int) {
	t.Helper()
	n, got := 0, map[string]int{}
	for _, count := range want {
		n += count
	}
	for range n {
		got[s.next().name]++
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("told %v, not %v", got, want)
	}
}

// TestDeleteAccountRace deletes an account while it writes and while others put it into rooms: every call is answered as
// if it had come before or after, and nothing of the account stays behind.
func TestDeleteAccountRace(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--presence-room-limit", "0")
		owner := newClient(t, s.url).guest("owner")
		anna := owner.signUp("anna", "correct horse")
		var rooms []models.Room
		for range 8 {
			rooms = append(rooms, owner.room(models.NewRoom{Name: ptr("room")}))
		}
		anna.join(rooms[0].ID)
		writing := owner.open(fmt.Sprintf("room=%d", rooms[0].ID))
		var busy sync.WaitGroup
		each := func(method, path string, c *client, body any) {
			busy.Go(func() {
				for range 20 {
					if a := c.send(method, path, body); a.response.StatusCode >= 500 {
						t.Error(a)
					}
				}
			})
		}
		each("POST", roomPath(rooms[0].ID)+"/messages", anna, models.NewMessage{Text: "x"})
		each("PUT", "/v1/users/@anna/direct", owner, nil)
		for _, r := range rooms {
			each("PUT", roomPath(r.ID)+fmt.Sprintf("/members/%d", anna.User.ID), owner, models.RoleChange{})
		}
		for writing.next().name != string(models.EventMessageCreated) {
			continue
		}
		anna.call("DELETE", "/v1/users/me", nil).status(204)
		busy.Wait()
		for _, r := range rooms {
			eventually(t, "the counts are without them", func() bool {
				now := get[models.Room](owner, roomPath(r.ID))
				return now.MemberCount == 1 && now.MessageCount == 0
			})
			for _, m := range owner.history(r.ID) {
				if m.DeletedAt.IsZero() {
					t.Errorf("left behind: %+v", m)
				}
			}
		}
	})
}

// TestGuestsRunOut ends the sessions of one guest of two by the clock, in the database, and finds that guest deleted
// like an account at the next start.
func TestGuestsRunOut(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--presence-room-limit", "0")
		stays, goes := newClient(t, s.url).guest("stays"), newClient(t, s.url).guest("goes")
		room := goes.room(models.NewRoom{Name: ptr("room")})
		stays.join(room.ID)
		m := goes.say(room.ID, "hello")
		from := stays.call("GET", "/v1/rooms", nil).header("Event-Cursor")
		s.halt()
		execute(t, database, fmt.Sprintf("UPDATE sessions SET expires_at = 1 WHERE user_id = %d", goes.User.ID))

		stays = stays.at(startServer(t, database, "--presence-room-limit", "0").url)
		seen := stays.open("", "Last-Event-ID", from)
		seen.expect(models.EventMemberUpdated, nil)
		seen.expect(models.EventMemberLeft, nil)
		var deleted models.MessageRef
		seen.expect(models.EventMessageDeleted, &deleted)
		if deleted.MessageID != m.ID {
			t.Errorf("got %+v", deleted)
		}
		stays.call("GET", "/v1/users/@goes", nil).problem(404, models.CodeNotFound)
		stays.guest("goes")
	})
}

// TestDeleteAccountWithPassword: what cannot be taken back wants the password, unless its owner has only just logged in.
func TestDeleteAccountWithPassword(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		c := newClient(t, s.url)
		const secret, header = "pässword, 100% mine", "Parley-Password"
		spelled := url.PathEscape(secret)
		me := c.signUp("ada", secret)
		remove := func(who *client, headers ...string) *answer {
			return who.call("DELETE", "/v1/users/me", nil, headers...)
		}
		old := func() {
			execute(t, database, fmt.Sprintf("UPDATE sessions SET created_at = created_at - %d", models.ProofLife.Milliseconds()))
		}

		remove(me, header, "another").problem(401, models.CodeBadCredentials)
		old()
		remove(me).invalid(header)
		remove(me, header, "%zz").invalid(header)
		remove(me, header, "%ff").invalid(header)
		me.wrong("DELETE", "/v1/users/me", nil, header, strings.Repeat("a", models.MaxPasswordLength+1)).invalid(header)
		remove(me, header, "another").problem(401, models.CodeBadCredentials)
		get[models.User](me, "/v1/users/me")
		remove(me, header, spelled).status(204)
		me.call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)

		fresh := c.signUp("grace", secret)
		old()
		remove(fresh).invalid(header)
		remove(fresh.logInAs("grace", secret)).status(204)

		guest := c.newcomer("guest")
		old()
		remove(guest).status(204)
	})
}

// TestDeleteAccountGuessing counts tries at the password like those of a log-in.
func TestDeleteAccountGuessing(t *testing.T) {
	t.Parallel()
	me := newClient(t, startServer(t, filepath.Join(t.TempDir(), "parley.db")).url).signUp("ada", password)
	a := me.call("DELETE", "/v1/users/me", nil, "Parley-Password", "guess")
	for range 100 {
		if a.response.StatusCode == 429 {
			break
		}
		a.problem(401, models.CodeBadCredentials)
		a = me.call("DELETE", "/v1/users/me", nil, "Parley-Password", "guess")
	}
	a.limited()
	get[models.User](me, "/v1/users/me")
}

// execute runs a statement in a database behind the server's back.
func execute(t *testing.T, database, statement string) {
	t.Helper()
	driver, address := "sqlite", database+"?_pragma=busy_timeout(10000)" // the server may be writing
	if strings.HasPrefix(database, "postgres://") {
		driver, address = "pgx", database
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
