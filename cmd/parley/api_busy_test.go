package main

import (
	"bufio"
	"bytes"
	"context"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
)

// busy wants an answer that a browser's EventSource comes back from by itself: 200, when to come back, the event busy with
// the reason and without an id, and the end.
func (a *answer) busy(reason models.BusyReason) {
	a.t.Helper()
	a.status(200)
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no",
	} {
		if got := a.header(name); got != want {
			a.t.Errorf("%v\nhas %s: %q, not %q", a, name, got, want)
		}
	}
	after, err := strconv.Atoi(a.header("Retry-After"))
	if err != nil || after < 1 {
		a.t.Errorf("%v\nis to be tried again after %q", a, a.header("Retry-After"))
	}
	retry := -1
	var told []pushed
	for lines := bufio.NewScanner(bytes.NewReader(a.body)); lines.Scan(); {
		if ms, found := strings.CutPrefix(lines.Text(), "retry: "); found {
			retry, _ = strconv.Atoi(ms)
		}
	}
	_ = readEvents(bytes.NewReader(a.body), func(e pushed) bool { told = append(told, e); return true })
	var data models.Busy
	if len(told) != 1 || told[0].name != string(models.EventBusy) || told[0].id != "" || told[0].into(&data) != nil || data.Reason != reason {
		a.t.Fatalf("%v\nis not busy for %s", a, reason)
	}
	told[0].check(a.t)
	if retry < 1000*after || retry > 1500*after+1000 {
		a.t.Errorf("%v\nis to be tried again in %d ms, Retry-After is %d s", a, retry, after)
	}
}

// refusals is the counter of refused requests with a reason, as the metrics show it.
func (c *client) refusals(reason models.BusyReason) (n int) {
	c.t.Helper()
	for line := range strings.Lines(string(c.send("GET", "/metrics", nil).status(200).body)) {
		if count, found := strings.CutPrefix(line, `parley_requests_refused_total{reason="`+string(reason)+`"} `); found {
			n, _ = strconv.Atoi(strings.TrimSpace(count))
		}
	}
	return n
}

// TestStreamsOfAServerThatStops asks a server that is about to stop for a stream.
func TestStreamsOfAServerThatStops(t *testing.T) {
	t.Parallel()
	s := startServer(t, t.TempDir()+"/parley.db")
	me := newClient(t, s.url).guest("anna")
	open := me.open("")
	s.hub.Refuse()
	me.send("GET", "/v1/events", nil).busy(models.BusyStopping)
	me.send("GET", "/v1/events", nil, "Accept", "text/event-stream").busy(models.BusyStopping)
	me.call("GET", "/v1/events", nil, "Accept", "application/json").status(200)
	me.nobody().call("GET", "/v1/events", nil, "Accept", "text/event-stream").problem(401, models.CodeUnauthenticated)
	if n := me.refusals(models.BusyStopping); n != 2 {
		t.Errorf("%d streams are counted as refused, of 2", n)
	}
	me.room(models.NewRoom{Name: ptr("the open stream goes on")})
	open.expect(models.EventRoomCreated, nil)
}

// TestStreamsWithoutADatabase cuts a server off from its database, and asks for streams and for pages of the log.
func TestStreamsWithoutADatabase(t *testing.T) {
	t.Parallel()
	database := newPostgres(t)
	s := startServer(t, database)
	me := newClient(t, s.url).guest("anna")
	room := me.room(models.NewRoom{Name: ptr("room")})
	cursor := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	letIn := shutOut(t, database)
	me.send("GET", "/v1/events", nil).busy(models.BusyUnavailable)
	me.send("GET", "/v1/events", nil, "Last-Event-ID", cursor, "Accept", "text/event-stream, application/json;q=0.5").busy(models.BusyUnavailable)
	for range 20 { // more than the connections that were ended: the last of these ask for new ones
		me.call("GET", "/v1/events", nil, "Accept", "application/json").problem(503, models.CodeUnavailable)
	}
	letIn()
	eventually(t, "the database answers", func() bool {
		return me.send("GET", "/v1/rooms", nil).response.StatusCode == 200
	})
	said := me.say(room.ID, "after the break")
	var told models.Message
	me.open("", "Last-Event-ID", cursor).expect(models.EventMessageCreated, &told)
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
	admin := connectTo(t, os.Getenv(testPostgres))
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
	play(t, []scenario{{"whichever is newest", func(t *testing.T, c *client) {
		me := c.newcomer("ada")
		room := me.publicRoom()
		cursors := make([]string, 3)
		for i := range cursors {
			a := me.call("POST", roomPath(room.ID)+"/messages", models.NewMessage{Text: "text"}).status(201)
			cursors[i] = a.eventID()
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
			s := me.open(one.query, "Last-Event-ID", one.header)
			if !s.ready.Resumed || s.lastID != cursors[one.from] {
				t.Errorf("%+v goes on from %s, not from %s", one, s.lastID, cursors[one.from])
			}
			s.cancel()
		}
	}}})
}
