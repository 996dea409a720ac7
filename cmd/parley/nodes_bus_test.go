package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

// TestBus joins two nodes over NATS, takes it away and brings it back: what is said at one is heard at the other all the
// while, typing as long as NATS is there, and the nodes stay ready.
func TestBus(t *testing.T) {
	t.Parallel()
	database, bus := newPostgres(t), startNATS(t)
	a, b := startServer(t, database, "--nats", "nats://"+bus.address), startServer(t, database, "--nats", "nats://"+bus.address)
	anna := newClient(t, a.url).guest("anna")
	bob := anna.guest("bob").at(b.url)
	room := anna.room(models.NewRoom{Name: ptr("room")})
	bob.join(room.ID)
	hears := bob.open(fmt.Sprintf("room=%d", room.ID))
	hears.expectPresence(models.EventPresenceEntered, bob)
	anna.awaitMetric("parley_bus_connected 1")
	bob.awaitMetric("parley_bus_connected 1")

	anna.call("POST", roomPath(room.ID)+"/typing", nil).status(204)
	hears.expect(models.EventTyping, nil)
	before := b.received()
	anna.say(room.ID, "over NATS")
	hears.expect(models.EventMessageCreated, nil)
	for b.received() == before {
		anna.say(room.ID, "over NATS") // the poll was faster
		hears.expect(models.EventMessageCreated, nil)
	}

	bus.kill()
	anna.awaitMetric("parley_bus_connected 0")
	anna.call("GET", "/readyz", nil).status(200)
	anna.say(room.ID, "without")
	anna.call("POST", roomPath(room.ID)+"/typing", nil).status(204)
	var m models.Message
	hears.expect(models.EventMessageCreated, &m)
	if m.Text != "without" {
		t.Errorf("heard %q", m.Text)
	}

	bus.start()
	anna.awaitMetric("parley_bus_connected 1")
	bob.awaitMetric("parley_bus_connected 1")
	anna.call("POST", roomPath(room.ID)+"/typing", nil).status(204)
	hears.expect(models.EventTyping, nil)
}

// TestStartsWithoutNATS: a node does not wait for NATS, and SQLite is for one node.
func TestStartsWithoutNATS(t *testing.T) {
	long(t)
	t.Parallel()
	s := startServer(t, newPostgres(t), "--nats", "nats://"+freeAddress(t))
	newClient(t, s.url).call("GET", "/readyz", nil).status(200)

	p := &process{t: t, args: []string{"serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir(), "--nats", "nats://127.0.0.1:4222"}}
	p.launch()
	if err := p.cmd.Wait(); err == nil || !strings.Contains(p.output.String(), "PostgreSQL") {
		t.Errorf("with SQLite and --nats it ended with %v and said %s", err, &p.output)
	}
	p.cmd = nil
}

func (s *testServer) received() int64 {
	_, _, received := s.bus.Traffic()
	return received
}

// awaitMetric asks for the metrics until they have a line.
func (c *client) awaitMetric(line string) {
	c.t.Helper()
	for until := time.Now().Add(patience); !strings.Contains(string(c.call("GET", "/metrics", nil).status(200).body), "\n"+line+"\n"); {
		if time.Now().After(until) {
			c.t.Fatalf("the metrics never had %q", line)
		}
	}
}
