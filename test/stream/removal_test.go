package stream

import (
	"fmt"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestRemovedSeesNothingNewer takes a user out of a room, in each way there is, while others write in it. The event of
// the removal must be the room's last on the user's stream, live and on a stream that comes back from before it.
func TestRemovedSeesNothingNewer(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		for _, way := range []struct {
			name   string
			event  models.EventName
			remove func(user *harness.Client, room int64)
		}{
			{"removed", models.EventMemberLeft, func(user *harness.Client, room int64) {
				owner.Call("DELETE", fmt.Sprintf("%s/members/%d", harness.RoomPath(room), user.User.ID), nil).ExpectStatus(204)
			}},
			{"banned", models.EventMemberBanned, func(user *harness.Client, room int64) {
				owner.Call("PUT", fmt.Sprintf("%s/bans/%d", harness.RoomPath(room), user.User.ID), map[string]any{"reason": "spam"}).ExpectStatus(200)
			}},
			{"leaves", models.EventMemberLeft, func(user *harness.Client, room int64) {
				user.Call("DELETE", harness.RoomPath(room)+"/members/me", nil).ExpectStatus(204)
			}},
			{"room deleted", models.EventRoomDeleted, func(_ *harness.Client, room int64) {
				owner.Call("DELETE", harness.RoomPath(room), nil).ExpectStatus(204)
			}},
		} {
			t.Run(way.name, func(t *testing.T) {
				testRemoval(t, owner, way.event, way.remove)
			})
		}
	})
}

func testRemoval(t *testing.T, owner *harness.Client, last models.EventName, remove func(*harness.Client, int64)) {
	room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("left"), Kind: harness.Ptr(models.RoomPublic)})
	other := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("kept")})
	user := owner.NewGuestNamed(fmt.Sprintf("user-%d", room.ID))
	user.JoinRoom(room.ID)
	user.JoinRoom(other.ID)
	before := user.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	inside := user.OpenStream(fmt.Sprintf("room=%d", room.ID))
	outside := user.OpenStream("")

	var writing sync.WaitGroup
	for range 4 {
		writing.Go(func() {
			for i := range 25 {
				// Deleting the room makes the later ones fail, which is as it should be.
				_, _ = owner.TryCall(t.Context(), "POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: fmt.Sprint(i)})
			}
		})
	}
	inside.Next() // they have begun
	remove(user, room.ID)
	writing.Wait()
	mark := owner.SendText(other.ID, "the mark")

	late := user.OpenStream("", "Last-Event-ID", before)
	for name, s := range map[string]*harness.Stream{"inside": inside, "outside": outside, "resumed": late} {
		if got := lastOfRoom(t, s, room.ID, mark); got != string(last) {
			t.Errorf("%s: the last event of the room was %q, not %s", name, got, last)
		}
	}
	if last != models.EventRoomDeleted {
		owner.SendText(room.ID, "after")
	}
	for _, path := range []string{"/messages", "/read"} {
		if a := user.Send("POST", harness.RoomPath(room.ID)+path, models.NewMessage{Text: "x"}); a.HTTP.StatusCode < 400 {
			t.Errorf("%v: one who was removed may still write", a)
		}
	}
}

// lastOfRoom reads until the mark and answers the name of the last event before it that tells of the room.
func lastOfRoom(t *testing.T, s *harness.Stream, roomID int64, mark models.Message) (last string) {
	t.Helper()
	for {
		var about struct {
			ID     int64 `json:"id"`
			RoomID int64 `json:"room_id"`
		}
		e := s.Next()
		if err := e.Decode(&about); err != nil {
			t.Fatal(err)
		}
		switch {
		case about.RoomID == mark.RoomID && about.ID == mark.ID:
			return last
		case about.RoomID == roomID:
			last = e.Name
		}
	}
}

// TestLoggedOutStreamEnds logs a session out while messages come in: session.revoked is the last event of its streams,
// live and walking, and the user's other session goes on.
func TestLoggedOutStreamEnds(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		first := harness.NewClient(t, s.URL)
		first.Call("POST", "/v1/users", models.NewUser{Username: "anna", Password: "correct horse"}).ExpectStatus(201).Decode(&first.Session)
		second := harness.NewClient(t, s.URL)
		second.Call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: "correct horse"}).ExpectStatus(201).Decode(&second.Session)
		first.JoinRoom(room.ID)
		mine, kept := first.OpenStream(""), second.OpenStream("")

		owner.SendText(room.ID, "before")
		mine.Expect(models.EventMessageNotification, nil)
		first.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
		owner.SendText(room.ID, "after")

		var revoked models.SessionRevoked
		if e := mine.Expect(models.EventSessionRevoked, &revoked); e.ID != "" {
			t.Errorf("session.revoked must leave the last id alone, got %q", e.ID)
		}
		if revoked.SessionID != first.SessionID || revoked.Reason != models.RevokedByLogOut {
			t.Errorf("got %+v", revoked)
		}
		mine.ExpectEnd()
		kept.Expect(models.EventMessageNotification, nil)
		var m models.Message
		kept.Expect(models.EventMessageNotification, &m)
		if m.Text != "after" {
			t.Errorf("the other session got %q", m.Text)
		}
		first.Call("GET", "/v1/users/me", nil).ExpectProblem(401, models.CodeSessionRevoked)
		if _, err := first.TryOpenStream(t.Context(), ""); err == nil {
			t.Error("a logged-out session opened a stream")
		}
		second.Call("GET", "/v1/users/me", nil).ExpectStatus(200)
	})
}
