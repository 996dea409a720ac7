package nodes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestVersionsSideBySide lets a newer version migrate the database further while a server is at work, as in a rolling
// update. The server goes on as before; once stopped, the old version does not start again.
func TestVersionsSideBySide(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		c := harness.NewClient(t, s.URL).NewGuest("anna")
		room := c.CreatePublicRoom()
		work(c, room)
		for _, table := range []string{
			"users", "sessions", "rooms", "memberships", "messages", "events", "event_head", "reactions", "pins", "contacts",
			"files", "uploads", "idempotency_keys", "nodes", "presences",
		} {
			harness.Execute(t, database, "ALTER TABLE "+table+" ADD COLUMN of_tomorrow INTEGER NOT NULL DEFAULT 0")
		}
		harness.Execute(t, database, "CREATE TABLE tomorrow (id INTEGER)")
		harness.Execute(t, database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
		for range 3 { // over each connection of the pool that has statements prepared
			work(c, room)
		}
		s.Stop()
		if err := harness.TryStartServer(t, database); err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("the old version started on the newer schema: %v", err)
		}
	})
}

// work uses what most requests use.
func work(c *harness.Client, room models.Room) {
	c.T.Helper()
	other := c.NewGuest("grace")
	other.JoinRoom(room.ID)
	stream := c.OpenStream(fmt.Sprintf("room=%d", room.ID))
	m := c.SendText(room.ID, "as before", "Idempotency-Key", stream.Ready.StreamID)
	path := fmt.Sprintf("%s/messages/%d", harness.RoomPath(room.ID), m.ID)
	c.Call("PATCH", path, models.MessageEdit{Text: "edited"}).ExpectStatus(200)
	c.Call("PUT", path+"/reactions/👍", nil).ExpectStatus(200)
	c.Call("PUT", fmt.Sprintf("%s/pins/%d", harness.RoomPath(room.ID), m.ID), nil).ExpectStatus(200)
	c.Call("PUT", "/v1/contacts/"+fmt.Sprint(other.User.ID), nil).ExpectStatus(200)
	c.Call("POST", harness.RoomPath(room.ID)+"/files?name=a.txt", []byte("text"), "Content-Type", "text/plain").ExpectStatus(201)
	for _, path := range []string{
		"/v1/rooms", harness.RoomPath(room.ID), harness.RoomPath(room.ID) + "/messages", harness.RoomPath(room.ID) + "/members", "/v1/contacts",
		"/v1/sessions", "/v1/users/me", harness.RoomPath(room.ID) + "/pins", "/v1/search?q=edited", "/v1/users?prefix=gra",
	} {
		c.Call("GET", path, nil).ExpectStatus(200)
	}
	stream.Cancel()
}
