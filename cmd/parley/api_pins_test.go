package main

import (
	"fmt"
	"testing"

	"github.com/parley-chat/parley/models"
)

func pinPath(m models.Message) string { return fmt.Sprintf("%s/pins/%d", roomPath(m.RoomID), m.ID) }

// TestPins pins three messages and lists them page by page; one loses its pin by hand, one by its deletion, and the last
// with the cleared history.
func TestPins(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		member := owner.guest("member")
		room := owner.room(models.NewRoom{Name: ptr("room")})
		member.join(room.ID)
		seen := member.open(fmt.Sprintf("room=%d", room.ID))
		seen.expect(models.EventPresenceEntered, nil)
		var said []models.Message
		for i := range 3 {
			said = append(said, owner.say(room.ID, fmt.Sprint(i)))
			seen.expect(models.EventMessageCreated, nil)
			var pin models.Pin
			a := owner.call("PUT", pinPath(said[i]), nil).status(200).into(&pin)
			if pin.Message.ID != said[i].ID || pin.PinnedBy != owner.User.Ref() {
				t.Errorf("%v", a)
			}
			var told models.PinEvent
			if e := seen.expect(models.EventPinAdded, &told); e.id != a.header("Event-Id") ||
				told != (models.PinEvent{RoomID: room.ID, MessageID: said[i].ID, User: owner.User.Ref()}) {
				t.Errorf("%v after %v", e, a)
			}
		}
		if again := owner.call("PUT", pinPath(said[0]), nil).status(200); again.header("Event-Id") != "" {
			t.Errorf("%v: a pin that was there told of itself", again)
		}
		member.call("PUT", reactionPath(said[2], "👍"), nil).status(200)
		seen.expect(models.EventReactionAdded, nil)
		wantPins(t, member, room.ID, said[2].ID, said[1].ID, said[0].ID)

		member.call("PUT", pinPath(said[0]), nil).problem(403, models.CodeForbidden)
		member.call("DELETE", pinPath(said[0]), nil).problem(403, models.CodeForbidden)
		owner.call("PUT", pinPath(models.Message{RoomID: room.ID, ID: 99}), nil).problem(404, models.CodeNotFound)

		owner.call("DELETE", pinPath(said[0]), nil).status(204)
		owner.call("DELETE", pinPath(said[0]), nil).status(204)
		seen.expect(models.EventPinRemoved, nil)
		owner.call("DELETE", messagePath(said[1]), nil).status(204)
		var removed models.PinEvent
		seen.expect(models.EventPinRemoved, &removed)
		if removed.MessageID != said[1].ID {
			t.Errorf("got %+v", removed)
		}
		seen.expect(models.EventMessageDeleted, nil)
		owner.call("PUT", pinPath(said[1]), nil).problem(404, models.CodeNotFound)
		wantPins(t, member, room.ID, said[2].ID)
		owner.call("DELETE", roomPath(room.ID)+"/messages", nil).status(204)
		wantPins(t, member, room.ID)
	})
}

// wantPins reads the list of pins in pages of one.
func wantPins(t *testing.T, c *client, roomID int64, want ...int64) {
	t.Helper()
	got := []int64{}
	for cursor := ""; ; {
		var page models.Page[models.Pin]
		c.call("GET", roomPath(roomID)+"/pins?limit=1"+cursor, nil).status(200).into(&page)
		for _, p := range page.Items {
			got = append(got, p.Message.ID)
		}
		if page.NextCursor == "" {
			break
		}
		cursor = "&cursor=" + page.NextCursor
	}
	if fmt.Sprint(got) != fmt.Sprint(append([]int64{}, want...)) {
		t.Errorf("pinned are %v, not %v", got, want)
	}
}
