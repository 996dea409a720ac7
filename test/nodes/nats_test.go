package nodes

import (
	"fmt"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// TestNATSOutageLosesNoMessages connects two nodes over NATS, and then stops and restarts NATS. Messages arrive at the
// other node all the time, typing events only while NATS is available, and the nodes stay ready.
func TestNATSOutageLosesNoMessages(t *testing.T) {
	t.Parallel()
	database, nats := harness.NewPostgres(t), harness.StartNATS(t)
	a := harness.StartServer(t, database, "--nats", "nats://"+nats.Address)
	b := harness.StartServer(t, database, "--nats", "nats://"+nats.Address)
	anna := harness.NewClient(t, a.URL).NewGuestNamed("anna")
	bob := anna.NewGuestNamed("bob").AtServer(b.URL)
	room := anna.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	bob.JoinRoom(room.ID)
	stream := bob.OpenStream(fmt.Sprintf("room=%d", room.ID))
	expectPresence(stream, models.EventPresenceEntered, bob)
	anna.AwaitMetric("parley_bus_connected 1")
	bob.AwaitMetric("parley_bus_connected 1")

	anna.Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
	stream.Expect(models.EventTyping, nil)
	before := eventsReceived(b)
	anna.SendText(room.ID, "over NATS")
	stream.Expect(models.EventMessageCreated, nil)
	for eventsReceived(b) == before {
		anna.SendText(room.ID, "over NATS") // the polling of the log was faster than NATS
		stream.Expect(models.EventMessageCreated, nil)
	}

	nats.Kill()
	anna.AwaitMetric("parley_bus_connected 0")
	anna.Call("GET", "/readyz", nil).ExpectStatus(200)
	anna.SendText(room.ID, "without NATS")
	anna.Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
	var m models.Message
	stream.Expect(models.EventMessageCreated, &m)
	if m.Text != "without NATS" {
		t.Errorf("got %q, want the message sent without NATS", m.Text)
	}

	nats.Start()
	anna.AwaitMetric("parley_bus_connected 1")
	bob.AwaitMetric("parley_bus_connected 1")
	anna.Call("POST", harness.RoomPath(room.ID)+"/typing", nil).ExpectStatus(204)
	stream.Expect(models.EventTyping, nil)
}

// TestStartDoesNotWaitForNATS checks that a node starts while NATS is not available, and that --nats with SQLite, which
// supports only one node, is an error.
func TestStartDoesNotWaitForNATS(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	s := harness.StartServer(t, harness.NewPostgres(t), "--nats", "nats://"+harness.FreeAddress(t))
	harness.NewClient(t, s.URL).Call("GET", "/readyz", nil).ExpectStatus(200)

	p := &harness.Process{
		T:    t,
		Args: []string{"serve", "--listen", "127.0.0.1:0", "--data-dir", t.TempDir(), "--nats", "nats://127.0.0.1:4222"},
	}
	p.Launch()
	if err := p.Cmd.Wait(); err == nil || !strings.Contains(p.Output.String(), "PostgreSQL") {
		t.Errorf("with SQLite and --nats: got the error %v and the output %s", err, &p.Output)
	}
	p.Cmd = nil
}

// eventsReceived returns how many events the node has received over NATS.
func eventsReceived(s *harness.Server) float64 {
	return harness.NewClient(s.T, s.URL).Metric("parley_bus_events_received_total")
}
