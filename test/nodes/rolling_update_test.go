package nodes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestServerKeepsWorkingAfterNewerMigrations applies the migrations of a newer version while a server is running, as in
// a rolling update. The server keeps working. After a stop, the old version does not start again.
func TestServerKeepsWorkingAfterNewerMigrations(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		c := harness.NewClient(t, s.URL).NewGuest("anna")
		room := c.CreatePublicRoom()
		useMainFeatures(c, room)
		for _, table := range []string{
			"users", "sessions", "rooms", "memberships", "messages", "events", "event_head", "reactions", "pins", "contacts",
			"files", "uploads", "idempotency_keys", "nodes", "presences",
		} {
			harness.Execute(t, database, "ALTER TABLE "+table+" ADD COLUMN newer_column INTEGER NOT NULL DEFAULT 0")
		}
		harness.Execute(t, database, "CREATE TABLE newer_table (id INTEGER)")
		harness.Execute(t, database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
		for range 3 { // on each connection of the pool that has prepared statements
			useMainFeatures(c, room)
		}
		s.Stop()
		if err := harness.TryStartServer(t, database); err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("the old version on the newer schema: got the error %v, want one about a newer version", err)
		}
	})
}

// useMainFeatures makes requests that use each of the main tables.
func useMainFeatures(c *harness.Client, room models.Room) {
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
	c.Call("POST", harness.RoomPath(room.ID)+"/files?name=a.txt", []byte("text"), "Content-Type", "text/plain").
		ExpectStatus(201)
	for _, path := range []string{
		"/v1/rooms", harness.RoomPath(room.ID), harness.RoomPath(room.ID) + "/messages",
		harness.RoomPath(room.ID) + "/members", "/v1/contacts",
		"/v1/sessions", "/v1/users/me", harness.RoomPath(room.ID) + "/pins", "/v1/search?q=edited", "/v1/users?prefix=gra",
	} {
		c.Call("GET", path, nil).ExpectStatus(200)
	}
	stream.Cancel()
}
