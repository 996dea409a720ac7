package main

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// TestNoSpace: a server whose disk is nearly full refuses what writes, before the database does, and goes on with the rest.
func TestNoSpace(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		data := t.TempDir()
		before := startServer(t, database, "--data-dir", data, "--min-free-disk", "0")
		c := newClient(t, before.url)
		me := c.account("ada")
		room := me.publicRoom()
		said := me.say(room.ID, "hello")
		before.halt()

		s := startServer(t, database, "--data-dir", data, "--min-free-disk", "9000TB") // more than any disk has
		c.url = s.url
		me.url = s.url
		me = me.logIn()
		stream := me.open("")
		full := func(a *answer) {
			t.Helper()
			a.problem(503, models.CodeUnavailable)
			if a.header("Retry-After") == "" {
				t.Errorf("%v\nsays nothing of when to try again", a)
			}
		}
		full(me.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "more"}))
		full(me.call("POST", roomPath(room.ID)+"/files?name=a", []byte("bytes"), "Content-Type", "text/plain"))
		full(me.call("PATCH", "/v1/users/me", models.ProfileChange{Description: ptr("more")}))
		full(c.call("POST", "/v1/users", models.NewUser{Username: unique("u"), Password: password}))
		full(c.call("POST", "/v1/sessions", models.Credentials{Username: unique("g"), Guest: true}))
		full(c.call("GET", "/readyz", nil))
		c.call("GET", "/healthz", nil).status(200)
		me.call("GET", roomPath(room.ID)+"/messages", nil).status(200)
		me.call("DELETE", messagePath(said), nil).status(204)
		stream.expect(models.EventMessageDeleted, nil)
		c.call("POST", refreshPath, refresh(me.RefreshToken)).status(200)
		me.call("DELETE", roomPath(room.ID), nil).status(204)
		if metrics := string(c.send("GET", "/metrics", nil).body); !strings.Contains(metrics, `parley_requests_refused_total{reason="disk_space"}`) {
			t.Error("the metrics do not say what was refused")
		}
	})
}
