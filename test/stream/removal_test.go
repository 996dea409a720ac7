package stream

import (
	"fmt"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestRemovedMemberSeesNothingNewer ends a user's membership, in every possible way, while messages are sent to the
// room. The event of the removal must be the room's last one on the user's open streams, and on a stream that is
// resumed from a cursor before the removal.
func TestRemovedMemberSeesNothingNewer(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		for _, removal := range []struct {
			name   string
			event  models.EventName
			remove func(user *harness.Client, room int64)
		}{
			{"removed", models.EventMemberLeft, func(user *harness.Client, room int64) {
				owner.Call("DELETE", fmt.Sprintf("%s/members/%d", harness.RoomPath(room), user.User.ID), nil).ExpectStatus(204)
			}},
			{"banned", models.EventMemberBanned, func(user *harness.Client, room int64) {
				ban := map[string]any{"reason": "spam"}
				owner.Call("PUT", harness.BanPath(room, user), ban).ExpectStatus(200)
			}},
			{"leaves", models.EventMemberLeft, func(user *harness.Client, room int64) {
				user.Call("DELETE", harness.RoomPath(room)+"/members/me", nil).ExpectStatus(204)
			}},
			{"room deleted", models.EventRoomDeleted, func(_ *harness.Client, room int64) {
				owner.Call("DELETE", harness.RoomPath(room), nil).ExpectStatus(204)
			}},
		} {
			t.Run(removal.name, func(t *testing.T) {
				testRemoval(t, owner, removal.event, removal.remove)
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
	present := user.OpenStream(fmt.Sprintf("room=%d", room.ID))
	absent := user.OpenStream("")

	var writing sync.WaitGroup
	for range 4 {
		writing.Go(func() {
			for i := range 25 {
				// Sends to a deleted room fail, as expected.
				_, _ = owner.TryCall(t.Context(), "POST", harness.RoomPath(room.ID)+"/messages",
					models.NewMessage{Text: fmt.Sprint(i)})
			}
		})
	}
	present.Next() // the writers have begun
	remove(user, room.ID)
	writing.Wait()
	end := owner.SendText(other.ID, "the end")

	resumed := user.OpenStream("", "Last-Event-ID", before)
	for name, s := range map[string]*harness.Stream{"present": present, "absent": absent, "resumed": resumed} {
		if got := lastEventOfRoom(t, s, room.ID, end); got != string(last) {
			t.Errorf("%s: the last event of the room is %q, want %s", name, got, last)
		}
	}
	if last != models.EventRoomDeleted {
		owner.SendText(room.ID, "after")
	}
	for _, path := range []string{"/messages", "/read"} {
		if a := user.Send("POST", harness.RoomPath(room.ID)+path, models.NewMessage{Text: "x"}); a.HTTP.StatusCode < 400 {
			t.Errorf("%v\nwant an error after the removal", a)
		}
	}
}

// lastEventOfRoom reads the stream until the message end, and returns the name of the last event of the room.
func lastEventOfRoom(t *testing.T, s *harness.Stream, roomID int64, end models.Message) (last string) {
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
		case about.RoomID == end.RoomID && about.ID == end.ID:
			return last
		case about.RoomID == roomID:
			last = e.Name
		}
	}
}

// TestLoggedOutStreamEnds logs out a session between two messages. session.revoked is the last event of its stream, and
// the user's other session is not affected.
func TestLoggedOutStreamEnds(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		first := harness.NewClient(t, s.URL)
		first.Call("POST", "/v1/users", models.NewUser{Username: "anna", Password: "correct horse"}).
			ExpectStatus(201).
			Decode(&first.Session)
		second := harness.NewClient(t, s.URL)
		second.Call("POST", "/v1/sessions", models.Credentials{Username: "anna", Password: "correct horse"}).
			ExpectStatus(201).
			Decode(&second.Session)
		first.JoinRoom(room.ID)
		mine, kept := first.OpenStream(""), second.OpenStream("")

		owner.SendText(room.ID, "before")
		mine.Expect(models.EventMessageNotification, nil)
		first.Call("DELETE", "/v1/sessions/current", nil).ExpectStatus(204)
		owner.SendText(room.ID, "after")

		var revoked models.SessionRevoked
		if e := mine.Expect(models.EventSessionRevoked, &revoked); e.ID != "" {
			t.Errorf("session.revoked has the id %q, want none", e.ID)
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
