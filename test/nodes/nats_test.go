package nodes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestBus joins two nodes over NATS, takes it away and brings it back: what is said at one is heard at the other all
// the while, typing as long as NATS is there, and the nodes stay ready.
func TestBus(t *testing.T) {
	t.Parallel()
	database, bus := harness.NewPostgres(t), harness.StartNATS(t)
	a, b := harness.StartServer(t, database, "--nats", "nats://"+bus.Address), harness.StartServer(t, database, "--nats", "nats://"+bus.Address)
	anna := harness.NewClient(t, a.URL).NewGuestNamed("anna")
	bob := anna.NewGuestNamed("bob").AtServer(b.URL)
	room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	bob.JoinRoom(room.ID)
	hears := bob.OpenStream(fmt.Sprintf("room=%d", room.ID))
	expectPresence(hears, models.EventPresenceEntered, bob)
	anna.AwaitMetric("parley_bus_connected 1")
	bob.AwaitMetric("parley_bus_connected 1")

	anna.Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
	hears.Expect(models.EventTyping, nil)
	before := eventsReceived(b)
	anna.SendText(room.ID, "over NATS")
	hears.Expect(models.EventMessageCreated, nil)
	for eventsReceived(b) == before {
		anna.SendText(room.ID, "over NATS") // the poll was faster
		hears.Expect(models.EventMessageCreated, nil)
	}

	bus.Kill()
	anna.AwaitMetric("parley_bus_connected 0")
	anna.Call("GET", "/readyz", nil).ExpectStatus(200)
	anna.SendText(room.ID, "without")
	anna.Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
	var m models.Message
	hears.Expect(models.EventMessageCreated, &m)
	if m.Text != "without" {
		t.Errorf("heard %q", m.Text)
	}

	bus.Start()
	anna.AwaitMetric("parley_bus_connected 1")
	bob.AwaitMetric("parley_bus_connected 1")
	anna.Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
	hears.Expect(models.EventTyping, nil)
}

// TestStartsWithoutNATS: a node does not wait for NATS, and SQLite is for one node.
func TestStartsWithoutNATS(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	s := harness.StartServer(t, harness.NewPostgres(t), "--nats", "nats://"+harness.FreeAddress(t))
	harness.NewClient(t, s.URL).Call("GET", "/readyz", nil).ExpectStatus(200)

	p := &harness.Process{T: t, Args: []string{"serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir(), "--nats", "nats://127.0.0.1:4222"}}
	p.Launch()
	if err := p.Cmd.Wait(); err == nil || !strings.Contains(p.Output.String(), "PostgreSQL") {
		t.Errorf("with SQLite and --nats it ended with %v and said %s", err, &p.Output)
	}
	p.Cmd = nil
}

func eventsReceived(s *harness.Server) int64 {
	_, _, received := s.Bus.Traffic()
	return received
}
