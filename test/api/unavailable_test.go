package api

import (
	"context"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// busyRefusals is the counter of refused requests with a reason, as the metrics show it.
func busyRefusals(c *harness.Client, reason models.BusyReason) (n int) {
	c.T.Helper()
	for line := range strings.Lines(string(c.Send("GET", "/metrics", nil).ExpectStatus(200).Body)) {
		if count, found := strings.CutPrefix(line, `parley_requests_refused_total{reason="`+string(reason)+`"} `); found {
			n, _ = strconv.Atoi(strings.TrimSpace(count))
		}
	}
	return n
}

// TestStreamsOfAServerThatStops asks a server that is about to stop for a stream.
func TestStreamsOfAServerThatStops(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, t.TempDir()+"/parley.db")
	me := harness.NewClient(t, s.URL).Guest("anna")
	open := me.OpenReadyStream("")
	s.Hub.Refuse()
	me.Send("GET", "/v1/events", nil).ExpectBusy(models.BusyStopping)
	me.Send("GET", "/v1/events", nil, "Accept", "text/event-stream").ExpectBusy(models.BusyStopping)
	me.Call("GET", "/v1/events", nil, "Accept", "application/json").ExpectStatus(200)
	me.WithoutToken().Call("GET", "/v1/events", nil, "Accept", "text/event-stream").ExpectProblem(401, models.CodeUnauthenticated)
	if n := busyRefusals(me, models.BusyStopping); n != 2 {
		t.Errorf("%d streams are counted as refused, of 2", n)
	}
	me.CreateRoom(models.NewRoom{Name: harness.Ptr("the open stream goes on")})
	open.Expect(models.EventRoomCreated, nil)
}

// TestStreamsWithoutADatabase cuts a server off from its database, and asks for streams and for pages of the log.
func TestStreamsWithoutADatabase(t *testing.T) {
	t.Parallel()
	database := harness.NewPostgres(t)
	s := harness.StartServer(t, database)
	me := harness.NewClient(t, s.URL).Guest("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	letIn := shutOut(t, database)
	me.Send("GET", "/v1/events", nil).ExpectBusy(models.BusyUnavailable)
	me.Send("GET", "/v1/events", nil, "Last-Event-ID", cursor, "Accept", "text/event-stream, application/json;q=0.5").ExpectBusy(models.BusyUnavailable)
	for range 20 { // more than the connections that were ended: the last of these ask for new ones
		me.Call("GET", "/v1/events", nil, "Accept", "application/json").ExpectProblem(503, models.CodeUnavailable)
	}
	letIn()
	harness.Eventually(t, "the database answers", func() bool {
		return me.Send("GET", "/v1/rooms", nil).HTTP.StatusCode == 200
	})
	said := me.SendText(room.ID, "after the break")
	var told models.Message
	me.OpenReadyStream("", "Last-Event-ID", cursor).Expect(models.EventMessageCreated, &told)
	if told.ID != said.ID {
		t.Errorf("told %+v", told)
	}
}

// shutOut has PostgreSQL let nobody into a database, and ends the connections to it. letIn undoes it.
func shutOut(t testing.TB, database string) (letIn func()) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	name := strings.TrimPrefix(u.Path, "/")
	admin := harness.ConnectPostgres(t, os.Getenv(harness.PostgresVariable))
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

// TestLastEventIDs opens streams with several cursors at once: the header is newer than what stands in the URL, and there
// what a polyfill adds is newer than what the page's author wrote.
func TestLastEventIDs(t *testing.T) {
	harness.RunScenarios(t, []harness.Scenario{{Name: "whichever is newest", Play: func(t *testing.T, c *harness.Client) {
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
			s := me.OpenReadyStream(one.query, "Last-Event-ID", one.header)
			if !s.Ready.Resumed || s.LastID != cursors[one.from] {
				t.Errorf("%+v goes on from %s, not from %s", one, s.LastID, cursors[one.from])
			}
			s.Cancel()
		}
	}}})
}
