package api

import (
	"fmt"
	"sync"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestBlockedSenderCausesNoNotifications blocks a sender and removes the block. In between, the blocker's streams get
// no notification of the sender's messages, neither attached nor when they replay all of it, and lose nothing else.
func TestBlockedSenderCausesNoNotifications(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database, "--presence-room-limit", "0")
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room, second := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")}),
			owner.CreateRoom(models.NewRoom{Name: harness.Ptr("second")})
		pest, other := owner.NewGuestNamed("pest"), owner.NewGuestNamed("other")
		for _, c := range []*harness.Client{pest, other} {
			c.JoinRoom(room.ID)
			c.JoinRoom(second.ID)
		}
		attached := owner.OpenStream(fmt.Sprintf("room=%d", second.ID))
		begin := attached.LastID
		attached.Expect(models.EventPresenceEntered, nil)

		pest.SendText(room.ID, "heard 1")
		var entry models.Contact
		a := owner.Call("PUT", harness.BlockPath(pest), nil).ExpectStatus(200).Decode(&entry)
		if entry.User.ID != pest.User.ID {
			t.Errorf("got %v", a)
		}
		owner.Call("PUT", harness.BlockPath(pest), nil).ExpectStatus(200)
		hidden := pest.SendText(room.ID, "silent")
		inRoom := pest.SendText(second.ID, "heard 2, since the stream is in the room")
		other.SendText(room.ID, "heard 3")
		owner.Call("DELETE", harness.BlockPath(pest), nil).ExpectStatus(204)
		owner.Call("DELETE", harness.BlockPath(pest), nil).ExpectStatus(204)
		pest.SendText(room.ID, "heard 4")

		resumed := owner.OpenStream("", "Last-Event-ID", begin)
		for i, want := range []string{"heard 1", inRoom.Text, "heard 3", "heard 4"} {
			var m models.Message
			expectEvent(attached.Next(), t, "attached", &m, want)
			if i == 1 {
				continue // the resumed stream is not in the second room and gets no notification of it
			}
			expectEvent(resumed.Next(), t, "resumed", &m, want)
		}
		var m models.Message
		owner.Call("GET", fmt.Sprintf("%s/messages/%d", harness.RoomPath(room.ID), hidden.ID), nil).ExpectStatus(200).
			Decode(&m)
		if m.Text != "silent" {
			t.Errorf("got %+v as the blocked sender's message", m)
		}
	})
}

// expectEvent checks the text of the message in an event.
func expectEvent(e harness.Event, t *testing.T, where string, m *models.Message, text string) {
	t.Helper()
	if err := e.Decode(m); err != nil || m.Text != text {
		t.Fatalf("%s: want the message %q, got %v", where, text, e)
	}
}

// TestBlockClosesDirectRoom checks that neither side can write directly during a block, and both can afterwards.
func TestBlockClosesDirectRoom(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		ben := anna.NewGuestNamed("ben")
		var direct models.Room
		anna.Call("PUT", "/v1/users/@ben/direct", nil).ExpectStatus(200).Decode(&direct)
		said := ben.SendText(direct.ID, "hello")
		room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		anna.Call("PUT", harness.BlockPath(ben), nil).ExpectStatus(200)

		for _, pair := range [][2]*harness.Client{{anna, ben}, {ben, anna}} {
			me, you := pair[0], pair[1]
			to := models.TargetedMessage{Target: "@" + you.User.Username, NewMessage: models.NewMessage{Text: "psst"}}
			me.Call("POST", "/v1/messages", to).ExpectProblem(403, models.CodeBlocked)
			key := []string{"Idempotency-Key", "once"}
			for range 2 { // a refused call does not keep its key
				me.Call("POST", harness.RoomPath(direct.ID)+"/messages", models.NewMessage{Text: "psst"}, key...).
					ExpectProblem(403, models.CodeBlocked)
			}
			me.Call("PUT", fmt.Sprintf("/v1/users/%d/direct", you.User.ID), nil).ExpectProblem(403, models.CodeBlocked)
			me.Call("PUT", harness.ContactPath(you), nil).ExpectProblem(403, models.CodeBlocked)
		}
		anna.Call("PUT", fmt.Sprintf("%s/members/%d", harness.RoomPath(room.ID), ben.User.ID), nil).
			ExpectProblem(403, models.CodeBlocked)
		var list models.Page[models.Contact]
		anna.Call("GET", "/v1/blocks", nil).ExpectStatus(200).Decode(&list)
		if len(list.Items) != 1 || list.Items[0].User.ID != ben.User.ID {
			t.Errorf("anna's blocks are %+v", list)
		}
		ben.Call("GET", "/v1/blocks", nil).ExpectStatus(200).Decode(&list)
		if len(list.Items) != 0 {
			t.Errorf("ben sees the blocks %+v", list)
		}
		var read models.Room
		ben.Call("GET", harness.RoomPath(direct.ID), nil).ExpectStatus(200).Decode(&read)
		if read.LastMessageID != said.ID {
			t.Errorf("a message was stored in the closed room: %+v", read)
		}

		anna.Call("DELETE", harness.BlockPath(ben), nil).ExpectStatus(204)
		ben.SendText(direct.ID, "hello again")
		anna.SendText(direct.ID, "hello")
		anna.CallInvalid("PUT", "/v1/blocks/me", nil).ExpectProblem(400, models.CodeInvalidRequest)
		anna.Call("PUT", "/v1/blocks/@nobody", nil).ExpectProblem(404, models.CodeNotFound)
		anna.Call("DELETE", "/v1/blocks/@nobody", nil).ExpectStatus(204)
	})
}

// TestNoMessageIsStoredAfterBlock blocks a sender while they write. After the response to the block, no further message
// is stored in the direct room.
func TestNoMessageIsStoredAfterBlock(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		anna := harness.NewClient(t, s.URL).NewGuestNamed("anna")
		ben := anna.NewGuestNamed("ben")
		var direct models.Room
		anna.Call("PUT", "/v1/users/@ben/direct", nil).ExpectStatus(200).Decode(&direct)
		var writing sync.WaitGroup
		begun := make(chan struct{}, 8)
		for range 8 {
			writing.Go(func() {
				for n := 0; ; n++ {
					a := ben.Send("POST", harness.RoomPath(direct.ID)+"/messages", models.NewMessage{Text: "psst"})
					if a.HTTP.StatusCode != 201 {
						a.ExpectProblem(403, models.CodeBlocked)
						return
					}
					if n == 0 {
						begun <- struct{}{}
					}
				}
			})
		}
		<-begun
		anna.Call("PUT", harness.BlockPath(ben), nil).ExpectStatus(200)
		var atBlock, atEnd models.Room
		anna.Call("GET", harness.RoomPath(direct.ID), nil).ExpectStatus(200).Decode(&atBlock)
		writing.Wait()
		anna.Call("GET", harness.RoomPath(direct.ID), nil).ExpectStatus(200).Decode(&atEnd)
		if atBlock.LastMessageID != atEnd.LastMessageID {
			t.Errorf("%d messages were stored after the block was acknowledged", atEnd.LastMessageID-atBlock.LastMessageID)
		}
	})
}
