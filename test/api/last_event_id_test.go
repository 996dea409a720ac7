package api

import (
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestNewestLastEventIDIsUsed opens streams with several cursors at once: the header is newer than the URL, and in the
// URL the parameter that a polyfill adds is newer than the one that the page's author wrote.
func TestNewestLastEventIDIsUsed(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "the newest cursor", Run: func(t *testing.T, c *harness.Client) {
		me := c.NewGuest("ada")
		room := me.CreatePublicRoom()
		cursors := make([]string, 3)
		for i := range cursors {
			a := me.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "text"}).ExpectStatus(201)
			cursors[i] = a.EventID()
		}
		for _, one := range []struct {
			query, header string
			from          int
		}{
			{"last_event_id=" + cursors[0], "", 0},
			{"lastEventId=" + cursors[1], "", 1},
			{"last_event_id=" + cursors[0] + "&lastEventId=" + cursors[1], "", 1},
			{"last_event_id=" + cursors[0] + "&lastEventId=" + cursors[1], cursors[2], 2},
			{"lastEventId=" + cursors[0], cursors[1], 1},
		} {
			s := me.OpenStream(one.query, "Last-Event-ID", one.header)
			if !s.Ready.Resumed || s.LastID != cursors[one.from] {
				t.Errorf("%+v: the stream continues after %s, want %s", one, s.LastID, cursors[one.from])
			}
			s.Cancel()
		}
	}}})
}
