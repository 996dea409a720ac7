package stream

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestTyping tells those in the room, and nobody else, that a member is typing.
func TestTyping(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		member := owner.NewGuestNamed("member")
		member.JoinRoom(room.ID)
		inside, outside := owner.OpenStream(fmt.Sprintf("room=%d", room.ID)), owner.OpenStream("")
		inside.Expect(models.EventPresenceEntered, nil)
		path := harness.RoomPath(room.ID) + "/typing"

		member.Call("POST", path, nil).ExpectStatus(204)
		var e models.Typing
		got := inside.Expect(models.EventTyping, &e)
		if got.ID != "" || e.RoomID != room.ID || e.User != member.User.Ref() {
			t.Errorf("got %v", got)
		}
		var m models.Message
		a := member.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "hello"}).ExpectStatus(201).Decode(&m)
		if holds := e.Until.Sub(m.CreatedAt.Time); holds > 5*time.Second || e.Until.Before(inside.Ready.ServerTime.Add(5*time.Second)) {
			t.Errorf("typing holds until %v, the message came at %v", e.Until, m.CreatedAt)
		}
		outside.Expect(models.EventMessageNotification, nil)
		inside.Expect(models.EventMessageCreated, nil)
		if inside.LastID != a.Header("Event-Id") {
			t.Errorf("the last id is %q", inside.LastID)
		}

		stranger := owner.NewGuestNamed("stranger")
		stranger.Call("POST", path, nil).ExpectProblem(403, models.CodeForbidden)
		owner.Call("PUT", fmt.Sprintf("%s/bans/%d", harness.RoomPath(room.ID), stranger.User.ID), nil).ExpectStatus(200)
		stranger.Call("POST", path, nil).ExpectProblem(403, models.CodeBanned)
		hidden := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("hidden"), Kind: harness.Ptr(models.RoomPrivate)})
		stranger.Call("POST", harness.RoomPath(hidden.ID)+"/typing", nil).ExpectProblem(404, models.CodeNotFound)
		var direct models.Room
		owner.Call("PUT", "/v1/users/@member/direct", nil).ExpectStatus(200).Decode(&direct)
		said := member.SendText(direct.ID, "hello")
		owner.Call("PUT", harness.BlockPath(member), nil).ExpectStatus(200)
		member.Call("POST", harness.RoomPath(direct.ID)+"/typing", nil).ExpectProblem(403, models.CodeBlocked)
		member.Call("PATCH", fmt.Sprintf("%s/messages/%d", harness.RoomPath(direct.ID), said.ID), models.MessageEdit{Text: "!"}).ExpectProblem(403, models.CodeBlocked)
	})
}
