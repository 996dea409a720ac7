package api

import (
	"context"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/databases"
	"github.com/parley-chat/parley/test/harness"
)

// busyRefusals returns the number of requests refused for a reason, as /metrics shows it.
func busyRefusals(c *harness.Client, reason models.BusyReason) int {
	c.T.Helper()
	return int(c.Metric(`parley_requests_refused_total{reason="` + string(reason) + `"}`))
}

// TestStoppingServerRefusesStreams opens streams on a server that is about to stop.
func TestStoppingServerRefusesStreams(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, t.TempDir()+"/parley.db")
	me := harness.NewClient(t, s.URL).NewGuestNamed("anna")
	open := me.OpenStream("")
	s.Hub.StopAccepting()
	me.Send("GET", "/v1/events", nil).ExpectBusy(models.BusyStopping)
	me.Send("GET", "/v1/events", nil, "Accept", "text/event-stream").ExpectBusy(models.BusyStopping)
	me.Call("GET", "/v1/events/log", nil).ExpectStatus(200)
	me.WithoutToken().Call("GET", "/v1/events", nil, "Accept", "text/event-stream").
		ExpectProblem(401, models.CodeUnauthenticated)
	if n := busyRefusals(me, models.BusyStopping); n != 2 {
		t.Errorf("got %d refused streams in the metrics, want 2", n)
	}
	me.CreateRoom(models.NewRoom{Name: harness.Ptr("the open stream continues")})
	open.Expect(models.EventRoomCreated, nil)
}

// TestStreamsAreRefusedWithoutDatabase cuts a server off from its database, and requests streams and pages of the log.
func TestStreamsAreRefusedWithoutDatabase(t *testing.T) {
	t.Parallel()
	database := harness.NewPostgres(t)
	s := harness.StartServer(t, database)
	me := harness.NewClient(t, s.URL).NewGuestNamed("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	allow := refuseConnections(t, database)
	me.Send("GET", "/v1/events", nil).ExpectBusy(models.BusyUnavailable)
	me.Send("GET", "/v1/events", nil, "Last-Event-ID", cursor, "Accept", "text/event-stream, application/json;q=0.5").
		ExpectBusy(models.BusyUnavailable)
	for range 20 { // more than the connections that were closed, so that the last requests need new ones
		me.Call("GET", "/v1/events/log", nil).ExpectProblem(503, models.CodeUnavailable)
	}
	allow()
	harness.Eventually(t, "the database responds", func() bool {
		return me.Send("GET", "/v1/rooms", nil).HTTP.StatusCode == 200
	})
	said := me.SendText(room.ID, "after the break")
	var got models.Message
	me.OpenStream("", "Last-Event-ID", cursor).Expect(models.EventMessageCreated, &got)
	if got.ID != said.ID {
		t.Errorf("got %+v, want message %d", got, said.ID)
	}
}

// refuseConnections makes PostgreSQL refuse connections to a database, and closes the open ones. allow undoes it.
func refuseConnections(t testing.TB, database string) (allow func()) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	admin := databases.ConnectPostgres(t, os.Getenv(databases.PostgresVariable))
	run := func(statement string) {
		t.Helper()
		if _, err := admin.Exec(context.Background(), statement); err != nil {
			t.Fatal(err)
		}
	}
	run("ALTER DATABASE " + name + " WITH ALLOW_CONNECTIONS false")
	run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '" + name + "'")
	return func() {
		t.Helper()
		run("ALTER DATABASE " + name + " WITH ALLOW_CONNECTIONS true")
	}
}
