package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestTypingReachesPresentMembers checks that only streams that are present in the room get typing events, that only
// members may send them, and that a blocked user may not send them in the direct room.
func TestTypingReachesPresentMembers(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		member := owner.NewGuestNamed("member")
		member.JoinRoom(room.ID)
		present, absent := owner.OpenStream(fmt.Sprintf("room=%d", room.ID)), owner.OpenStream("")
		present.Expect(models.EventPresenceEntered, nil)
		path := harness.RoomPath(room.ID) + "/typing"

		member.Call("POST", path, nil).ExpectStatus(204)
		var e models.Typing
		got := present.Expect(models.EventTyping, &e)
		if got.ID != "" || e.RoomID != room.ID || e.User != member.User.Ref() {
			t.Errorf("got %v", got)
		}
		var m models.Message
		a := member.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "hello"}).
			ExpectStatus(201).
			Decode(&m)
		tooLate, tooEarly := m.CreatedAt.Add(5*time.Second), present.Ready.ServerTime.Add(5*time.Second)
		if e.Until.After(tooLate) || e.Until.Before(tooEarly) {
			t.Errorf("typing ends at %v, want five seconds after the request; the message was created at %v",
				e.Until, m.CreatedAt)
		}
		absent.Expect(models.EventMessageNotification, nil)
		present.Expect(models.EventMessageCreated, nil)
		if present.LastID != a.Header("Event-Id") {
			t.Errorf("the last id is %q, want %q", present.LastID, a.Header("Event-Id"))
		}

		stranger := owner.NewGuestNamed("stranger")
		stranger.Call("POST", path, nil).ExpectProblem(403, models.CodeForbidden)
		owner.Call("PUT", fmt.Sprintf("%s/bans/%d", harness.RoomPath(room.ID), stranger.User.ID), nil).ExpectStatus(200)
		stranger.Call("POST", path, nil).ExpectProblem(403, models.CodeBanned)
		hidden := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("hidden"), Kind: harness.Ptr(models.RoomPrivate)})
		stranger.Call("POST", harness.RoomPath(hidden.ID)+"/typing", nil).ExpectProblem(404, models.CodeNotFound)
		var direct models.Room
		owner.Call("PUT", "/v1/users/@member/direct", nil).ExpectStatus(200).Decode(&direct)
		sent := member.SendText(direct.ID, "hello")
		owner.Call("PUT", harness.BlockPath(member), nil).ExpectStatus(200)
		member.Call("POST", harness.RoomPath(direct.ID)+"/typing", nil).ExpectProblem(403, models.CodeBlocked)
		member.Call("PATCH", harness.MessagePath(sent), models.MessageEdit{Text: "!"}).
			ExpectProblem(403, models.CodeBlocked)
	})
}
