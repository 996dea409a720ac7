package main

import (
	"fmt"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestTyping tells those in the room, and nobody else, that a member is typing.
func TestTyping(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--presence-room-limit", "0")
		owner := newClient(t, s.url).guest("owner")
		room := owner.room(models.NewRoom{Name: ptr("room")})
		member := owner.guest("member")
		member.join(room.ID)
		inside, outside := owner.open(fmt.Sprintf("room=%d", room.ID)), owner.open("")
		inside.expect(models.EventPresenceEntered, nil)
		path := roomPath(room.ID) + "/typing"

		member.call("POST", path, nil).status(204)
		var e models.Typing
		got := inside.expect(models.EventTyping, &e)
		if got.id != "" || e.RoomID != room.ID || e.User != member.User.Ref() {
			t.Errorf("got %v", got)
		}
		var m models.Message
		a := member.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "hello"}).status(201).into(&m)
		if holds := e.Until.Sub(m.CreatedAt.Time); holds > 5*time.Second || e.Until.Before(inside.ready.ServerTime.Add(5*time.Second)) {
			t.Errorf("typing holds until %v, the message came at %v", e.Until, m.CreatedAt)
		}
		outside.expect(models.EventMessageNotification, nil)
		inside.expect(models.EventMessageCreated, nil)
		if inside.lastID != a.header("Event-Id") {
			t.Errorf("the last id is %q", inside.lastID)
		}

		stranger := owner.guest("stranger")
		stranger.call("POST", path, nil).problem(403, models.CodeForbidden)
		owner.call("PUT", fmt.Sprintf("%s/bans/%d", roomPath(room.ID), stranger.User.ID), nil).status(200)
		stranger.call("POST", path, nil).problem(403, models.CodeBanned)
		hidden := owner.room(models.NewRoom{Name: ptr("hidden"), Kind: ptr(models.RoomPrivate)})
		stranger.call("POST", roomPath(hidden.ID)+"/typing", nil).problem(404, models.CodeNotFound)
		var direct models.Room
		owner.call("PUT", "/v1/users/@member/direct", nil).status(200).into(&direct)
		said := member.say(direct.ID, "hello")
		owner.call("PUT", blockPath(member), nil).status(200)
		member.call("POST", roomPath(direct.ID)+"/typing", nil).problem(403, models.CodeBlocked)
		member.call("PATCH", fmt.Sprintf("%s/messages/%d", roomPath(direct.ID), said.ID), models.MessageEdit{Text: "!"}).problem(403, models.CodeBlocked)
	})
}
