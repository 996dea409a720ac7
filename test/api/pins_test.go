package api

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// pinPath returns the path of a message's pin.
func pinPath(m models.Message) string {
	return fmt.Sprintf("%s/pins/%d", harness.RoomPath(m.RoomID), m.ID)
}

// TestPins pins three messages and lists them page by page. Then one pin is removed, one message is deleted, and the
// history is cleared, each of which removes a pin.
func TestPins(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		member := owner.NewGuestNamed("member")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		member.JoinRoom(room.ID)
		seen := member.OpenStream(fmt.Sprintf("room=%d", room.ID))
		seen.Expect(models.EventPresenceEntered, nil)
		var said []models.Message
		for i := range 3 {
			said = append(said, owner.SendText(room.ID, fmt.Sprint(i)))
			seen.Expect(models.EventMessageCreated, nil)
			var pin models.Pin
			a := owner.Call("PUT", pinPath(said[i]), nil).ExpectStatus(200).Decode(&pin)
			if pin.Message.ID != said[i].ID || pin.PinnedBy != owner.User.Ref() {
				t.Errorf("got the pin %v", a)
			}
			var data models.PinEvent
			if e := seen.Expect(models.EventPinAdded, &data); e.ID != a.Header("Event-Id") ||
				data != (models.PinEvent{RoomID: room.ID, MessageID: said[i].ID, User: owner.User.Ref()}) {
				t.Errorf("got the event %v for %v", e, a)
			}
		}
		if again := owner.Call("PUT", pinPath(said[0]), nil).ExpectStatus(200); again.Header("Event-Id") != "" {
			t.Errorf("%v: pinning again caused an event", again)
		}
		member.Call("PUT", reactionPath(said[2], "👍"), nil).ExpectStatus(200)
		seen.Expect(models.EventReactionAdded, nil)
		wantPins(t, member, room.ID, said[2].ID, said[1].ID, said[0].ID)

		member.Call("PUT", pinPath(said[0]), nil).ExpectProblem(403, models.CodeForbidden)
		member.Call("DELETE", pinPath(said[0]), nil).ExpectProblem(403, models.CodeForbidden)
		unknown := pinPath(models.Message{RoomID: room.ID, ID: 99})
		member.Call("PUT", unknown, nil).ExpectProblem(403, models.CodeForbidden)
		member.Call("DELETE", unknown, nil).ExpectProblem(403, models.CodeForbidden)
		owner.Call("PUT", unknown, nil).ExpectProblem(404, models.CodeNotFound)
		owner.Call("DELETE", unknown, nil).ExpectStatus(204)

		owner.Call("DELETE", pinPath(said[0]), nil).ExpectStatus(204)
		owner.Call("DELETE", pinPath(said[0]), nil).ExpectStatus(204)
		seen.Expect(models.EventPinRemoved, nil)
		owner.Call("DELETE", harness.MessagePath(said[1]), nil).ExpectStatus(204)
		var removed models.PinEvent
		seen.Expect(models.EventPinRemoved, &removed)
		if removed.MessageID != said[1].ID {
			t.Errorf("got %+v", removed)
		}
		seen.Expect(models.EventMessageDeleted, nil)
		owner.Call("PUT", pinPath(said[1]), nil).ExpectProblem(404, models.CodeNotFound)
		wantPins(t, member, room.ID, said[2].ID)
		owner.Call("DELETE", harness.RoomPath(room.ID)+"/messages", nil).ExpectStatus(204)
		wantPins(t, member, room.ID)
	})
}

// wantPins reads the list of pins in pages of one, and compares the ids of the messages.
func wantPins(t *testing.T, c *harness.Client, roomID int64, want ...int64) {
	t.Helper()
	got := []int64{}
	for cursor := ""; ; {
		var page models.Page[models.Pin]
		c.Call("GET", harness.RoomPath(roomID)+"/pins?limit=1"+cursor, nil).ExpectStatus(200).Decode(&page)
		for _, p := range page.Items {
			got = append(got, p.Message.ID)
		}
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
	}
	if fmt.Sprint(got) != fmt.Sprint(append([]int64{}, want...)) {
		t.Errorf("got the pins %v, want %v", got, want)
	}
}
