package main

import (
	"fmt"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestBlockedSenderIsSilent blocks a sender and lifts the block: in between, the blocker's streams get no notification
// of what the other writes, live and on a stream that comes back from before all of it, and lose nothing else.
func TestBlockedSenderIsSilent(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database, "--presence-room-limit", "0")
		owner := newClient(t, s.url).guest("owner")
		room, second := owner.room(models.NewRoom{Name: ptr("room")}), owner.room(models.NewRoom{Name: ptr("second")})
		pest, other := owner.guest("pest"), owner.guest("other")
		for _, c := range []*client{pest, other} {
			c.join(room.ID)
			c.join(second.ID)
		}
		live := owner.open(fmt.Sprintf("room=%d", second.ID))
		begin := live.lastID
		live.expect(models.EventPresenceEntered, nil)

		pest.say(room.ID, "heard 1")
		var entry models.Contact
		if a := owner.call("PUT", blockPath(pest), nil).status(200).into(&entry); entry.User.ID != pest.User.ID {
			t.Errorf("got %v", a)
		}
		owner.call("PUT", blockPath(pest), nil).status(200)
		hidden := pest.say(room.ID, "silent")
		inside := pest.say(second.ID, "heard 2, since the stream is in the room")
		other.say(room.ID, "heard 3")
		owner.call("DELETE", blockPath(pest), nil).status(204)
		owner.call("DELETE", blockPath(pest), nil).status(204)
		pest.say(room.ID, "heard 4")

		resumed := owner.open("", "Last-Event-ID", begin)
		for i, want := range []string{"heard 1", inside.Text, "heard 3", "heard 4"} {
			var m models.Message
			live.next().wants(t, "live", &m, want)
			if i == 1 {
				continue // the resumed stream is not in the second room: there the sender is silent too
			}
			resumed.next().wants(t, "resumed", &m, want)
		}
		var m models.Message
		owner.call("GET", fmt.Sprintf("%s/messages/%d", roomPath(room.ID), hidden.ID), nil).status(200).into(&m)
		if m.Text != "silent" {
			t.Errorf("a blocked sender's message reads %+v", m)
		}
	})
}

// wants checks the text of a message that came.
func (e pushed) wants(t *testing.T, where string, m *models.Message, text string) {
	t.Helper()
	if err := e.into(m); err != nil || m.Text != text {
		t.Fatalf("%s: wanted the message %q, got %v", where, text, e)
	}
}

// TestBlockClosesDirectRoom lets neither side write directly while one has blocked the other, and both again after.
func TestBlockClosesDirectRoom(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		anna := newClient(t, s.url).guest("anna")
		ben := anna.guest("ben")
		var direct models.Room
		anna.call("PUT", "/v1/users/@ben/direct", nil).status(200).into(&direct)
		said := ben.say(direct.ID, "hello")
		room := anna.room(models.NewRoom{Name: ptr("room")})
		anna.call("PUT", blockPath(ben), nil).status(200)

		for _, pair := range [][2]*client{{anna, ben}, {ben, anna}} {
			me, you := pair[0], pair[1]
			to := models.TargetedMessage{Target: "@" + you.User.Username, NewMessage: models.NewMessage{Text: "psst"}}
			me.call("POST", "/v1/messages", to).problem(403, models.CodeBlocked)
			key := []string{"Idempotency-Key", "once"}
			for range 2 { // the key of a refused call is free again
				me.call("POST", roomPath(direct.ID)+"/messages", models.NewMessage{Text: "psst"}, key...).problem(403, models.CodeBlocked)
			}
			me.call("PUT", fmt.Sprintf("/v1/users/%d/direct", you.User.ID), nil).problem(403, models.CodeBlocked)
			me.call("PUT", contactPath(you), nil).problem(403, models.CodeBlocked)
		}
		anna.call("PUT", fmt.Sprintf("%s/members/%d", roomPath(room.ID), ben.User.ID), nil).problem(403, models.CodeBlocked)
		var list models.Page[models.Contact]
		anna.call("GET", "/v1/blocks", nil).status(200).into(&list)
		if len(list.Items) != 1 || list.Items[0].User.ID != ben.User.ID {
			t.Errorf("anna's blocks are %+v", list)
		}
		ben.call("GET", "/v1/blocks", nil).status(200).into(&list)
		if len(list.Items) != 0 {
			t.Errorf("ben sees the blocks %+v", list)
		}
		var read models.Room
		ben.call("GET", roomPath(direct.ID), nil).status(200).into(&read)
		if read.LastMessageID != said.ID {
			t.Errorf("something was written into the closed room: %+v", read)
		}

		anna.call("DELETE", blockPath(ben), nil).status(204)
		ben.say(direct.ID, "hello again")
		anna.say(direct.ID, "hello")
		anna.wrong("PUT", "/v1/blocks/me", nil).problem(400, models.CodeInvalidRequest)
		for _, method := range []string{"PUT", "DELETE"} {
			anna.call(method, "/v1/blocks/@nobody", nil).problem(404, models.CodeNotFound)
		}
	})
}

// TestNothingComesAfterTheBlock blocks a sender while they write: what was acknowledged as sent before the block was is
// all there is in the direct room, and nothing that was begun after it.
func TestNothingComesAfterTheBlock(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		anna := newClient(t, s.url).guest("anna")
		ben := anna.guest("ben")
		var direct models.Room
		anna.call("PUT", "/v1/users/@ben/direct", nil).status(200).into(&direct)
		var writing sync.WaitGroup
		begun := make(chan struct{}, 8)
		for range 8 {
			writing.Go(func() {
				for n := 0; ; n++ {
					a := ben.send("POST", roomPath(direct.ID)+"/messages", models.NewMessage{Text: "psst"})
					if a.response.StatusCode != 201 {
						a.problem(403, models.CodeBlocked)
						return
					}
					if n == 0 {
						begun <- struct{}{}
					}
				}
			})
		}
		<-begun
		anna.call("PUT", blockPath(ben), nil).status(200)
		var atBlock, atEnd models.Room
		anna.call("GET", roomPath(direct.ID), nil).status(200).into(&atBlock)
		writing.Wait()
		anna.call("GET", roomPath(direct.ID), nil).status(200).into(&atEnd)
		if atBlock.LastMessageID != atEnd.LastMessageID {
			t.Errorf("%d messages came after the block was acknowledged", atEnd.LastMessageID-atBlock.LastMessageID)
		}
	})
}

func blockPath(c *client) string { return fmt.Sprintf("/v1/blocks/%d", c.User.ID) }
