package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestVersionsSideBySide lets a newer version migrate the database further while a server is at work, as in a rolling
// update. The server goes on as before; once stopped, the old version does not start again.
func TestVersionsSideBySide(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		c := newClient(t, s.url).newcomer("anna")
		room := c.publicRoom()
		work(c, room)
		for _, table := range []string{
			"users", "sessions", "rooms", "memberships", "messages", "events", "event_head", "reactions", "pins", "contacts",
			"files", "uploads", "idempotency_keys", "nodes", "presences",
		} {
			execute(t, database, "ALTER TABLE "+table+" ADD COLUMN of_tomorrow INTEGER NOT NULL DEFAULT 0")
		}
		execute(t, database, "CREATE TABLE tomorrow (id INTEGER)")
		execute(t, database, "INSERT INTO goose_db_version (version_id, is_applied) VALUES (99999, true)")
		for range 3 { // over each connection of the pool that has statements prepared
			work(c, room)
		}
		s.halt()
		if err := tryStart(t, database); err == nil || !strings.Contains(err.Error(), "newer version") {
			t.Errorf("the old version started on the newer schema: %v", err)
		}
	})
}

// work uses what most requests use.
func work(c *client, room models.Room) {
	c.t.Helper()
	other := c.newcomer("grace")
	other.join(room.ID)
	stream := c.open(fmt.Sprintf("room=%d", room.ID))
	m := c.say(room.ID, "as before", "Idempotency-Key", stream.ready.StreamID)
	path := fmt.Sprintf("%s/messages/%d", roomPath(room.ID), m.ID)
	c.call("PATCH", path, models.MessageEdit{Text: "edited"}).status(200)
	c.call("PUT", path+"/reactions/👍", nil).status(200)
	c.call("PUT", fmt.Sprintf("%s/pins/%d", roomPath(room.ID), m.ID), nil).status(200)
	c.call("PUT", "/v1/contacts/"+fmt.Sprint(other.User.ID), nil).status(200)
	c.call("POST", roomPath(room.ID)+"/files?name=a.txt", []byte("text"), "Content-Type", "text/plain").status(201)
	for _, path := range []string{
		"/v1/rooms", roomPath(room.ID), roomPath(room.ID) + "/messages", roomPath(room.ID) + "/members", "/v1/contacts",
		"/v1/sessions", "/v1/users/me", roomPath(room.ID) + "/pins", "/v1/search?q=edited", "/v1/users?prefix=gra",
	} {
		c.call("GET", path, nil).status(200)
	}
	stream.cancel()
}
