package main

import (
	"fmt"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestRemovedSeesNothingNewer takes a user out of a room, in each way there is, while others write in it. The event of
// the removal must be the room's last on the user's stream, live and on a stream that comes back from before it.
func TestRemovedSeesNothingNewer(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		for _, way := range []struct {
			name   string
			event  models.EventName
			remove func(user *client, room int64)
		}{
			{"removed", models.EventMemberLeft, func(user *client, room int64) {
				owner.call("DELETE", fmt.Sprintf("%s/members/%d", roomPath(room), user.User.ID), nil).status(204)
			}},
			{"banned", models.EventMemberBanned, func(user *client, room int64) {
				owner.call("PUT", fmt.Sprintf("%s/bans/%d", roomPath(room), user.User.ID), map[string]any{"reason": "spam"}).status(200)
			}},
			{"leaves", models.EventMemberLeft, func(user *client, room int64) {
				user.call("DELETE", roomPath(room)+"/members/me", nil).status(204)
			}},
			{"room deleted", models.EventRoomDeleted, func(_ *client, room int64) {
				owner.call("DELETE", roomPath(room), nil).status(204)
			}},
		} {
			t.Run(way.name, func(t *testing.T) {
				testRemoval(t, owner, way.event, way.remove)
			})
		}
	})
}

func testRemoval(t *testing.T, owner *client, last models.EventName, remove func(*client, int64)) {
	room := owner.room(models.NewRoom{Name: ptr("left"), Kind: ptr(models.RoomPublic)})
	other := owner.room(models.NewRoom{Name: ptr("kept")})
	user := owner.guest(fmt.Sprintf("user-%d", room.ID))
	user.join(room.ID)
	user.join(other.ID)
	before := user.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	inside := user.open(fmt.Sprintf("room=%d", room.ID))
	outside := user.open("")

	var writing sync.WaitGroup
	for range 4 {
		writing.Go(func() {
			for i := range 25 {
				// Deleting the room makes the later ones fail, which is as it should be.
				_, _ = owner.try(t.Context(), "POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: fmt.Sprint(i)})
			}
		})
	}
	inside.next() // they have begun
	remove(user, room.ID)
	writing.Wait()
	mark := owner.say(other.ID, "the mark")

	late := user.open("", "Last-Event-ID", before)
	for name, s := range map[string]*stream{"inside": inside, "outside": outside, "resumed": late} {
		if got := lastOfRoom(t, s, room.ID, mark); got != string(last) {
			t.Errorf("%s: the last event of the room was %q, not %s", name, got, last)
		}
	}
	if last != models.EventRoomDeleted {
		owner.say(room.ID, "after")
	}
	for _, path := range []string{"/messages", "/read"} {
		if a := user.send("POST", roomPath(room.ID)+path, models.NewMessage{Text: "x"}); a.response.StatusCode < 400 {
			t.Errorf("%v: one who was removed may still write", a)
		}
	}
}

// lastOfRoom reads until the mark and answers the name of the last event before it that tells of the room.
func lastOfRoom(t *testing.T, s *stream, roomID int64, mark models.Message) (last string) {
	t.Helper()
	for {
		var about struct {
			ID     int64 `json:"id"`
			RoomID int64 `json:"room_id"`
		}
		e := s.next()
		if err := e.into(&about); err != nil {
			t.Fatal(err)
		}
		switch {
		case about.RoomID == mark.RoomID && about.ID == mark.ID:
			return last
		case about.RoomID == roomID:
			last = e.name
		}
	}
}

// TestLoggedOutStreamEnds logs a session out while messages come in: session.revoked is the last event of its streams,
// live and walking, and the user's other session goes on.
func TestLoggedOutStreamEnds(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		room := owner.room(models.NewRoom{Name: ptr("room")})
		first := newClient(t, s.url)
		first.call("POST", "/v1/users", models.NewUser{Username: "anna", Password: "correct horse"}).status(201).into(&first.Session)
		second := newClient(t, s.url)
		second.call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: "correct horse"}).status(201).into(&second.Session)
		first.join(room.ID)
		mine, kept := first.open(""), second.open("")

		owner.say(room.ID, "before")
		mine.expect(models.EventMessageNotification, nil)
		first.call("DELETE", "/v1/sessions/current", nil).status(204)
		owner.say(room.ID, "after")

		var revoked models.SessionRevoked
		if e := mine.expect(models.EventSessionRevoked, &revoked); e.id != "" {
			t.Errorf("session.revoked must leave the last id alone, got %q", e.id)
		}
		if revoked.SessionID != first.SessionID || revoked.Reason != models.RevokedByLogOut {
			t.Errorf("got %+v", revoked)
		}
		mine.end()
		kept.expect(models.EventMessageNotification, nil)
		var m models.Message
		kept.expect(models.EventMessageNotification, &m)
		if m.Text != "after" {
			t.Errorf("the other session got %q", m.Text)
		}
		first.call("GET", "/v1/users/me", nil).problem(401, models.CodeSessionRevoked)
		if _, err := first.tryOpen(t.Context(), ""); err == nil {
			t.Error("a logged-out session opened a stream")
		}
		second.call("GET", "/v1/users/me", nil).status(200)
	})
}
