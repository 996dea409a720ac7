package server_test

import (
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestFullDiskRefusesWritesOnly: a server whose disk is nearly full refuses requests that write, before the database
// fails, and still handles the other requests.
func TestFullDiskRefusesWritesOnly(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		data := t.TempDir()
		before := harness.StartServer(t, database, "--data-dir", data, "--min-free-disk", "0")
		c := harness.NewClient(t, before.URL)
		me := c.NewAccount("ada")
		room := me.CreatePublicRoom()
		said := me.SendText(room.ID, "hello")
		before.Stop()

		s := harness.StartServer(t, database, "--data-dir", data, "--min-free-disk", "9000TB") // more than any disk has
		c.URL = s.URL
		me.URL = s.URL
		me = me.LogIn()
		stream := me.OpenStream("")
		full := func(a *harness.Response) {
			t.Helper()
			a.ExpectProblem(503, models.CodeUnavailable)
			if a.Header("Retry-After") == "" {
				t.Errorf("%v\nhas no Retry-After", a)
			}
		}
		full(me.Call("POST", harness.RoomPath(room.ID)+"/messages", models.NewMessage{Text: "more"}))
		full(me.Call("POST", harness.RoomPath(room.ID)+"/files?name=a", []byte("bytes"), "Content-Type", "text/plain"))
		full(me.Call("PATCH", "/v1/users/me", models.ProfileChange{Description: harness.Ptr("more")}))
		full(c.Call("POST", "/v1/users", models.NewUser{Username: harness.UniqueName("u"), Password: harness.Password}))
		full(c.Call("POST", "/v1/sessions", models.Credentials{Username: harness.UniqueName("g"), Guest: true}))
		full(c.Call("GET", "/readyz", nil))
		c.Call("GET", "/healthz", nil).ExpectStatus(200)
		me.Call("GET", harness.RoomPath(room.ID)+"/messages", nil).ExpectStatus(200)
		me.Call("DELETE", harness.MessagePath(said), nil).ExpectStatus(204)
		stream.Expect(models.EventMessageDeleted, nil)
		c.Call("POST", harness.RefreshPath, harness.RefreshBody(me.RefreshToken)).ExpectStatus(200)
		me.Call("DELETE", harness.RoomPath(room.ID), nil).ExpectStatus(204)
		metrics := string(c.Send("GET", "/metrics", nil).Body)
		if !strings.Contains(metrics, `parley_requests_refused_total{reason="disk_space"}`) {
			t.Error("the metrics do not count the refused requests")
		}
	})
}
