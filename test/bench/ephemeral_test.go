package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	// ephemeralClients is the number of concurrent clients, each with one connection.
	ephemeralClients = 32
	// In each round Parley and the bare handler take ephemeralTurns turns of ephemeralTime each.
	ephemeralTurns = 2
	ephemeralTime  = 500 * time.Millisecond
)

// benchEphemeral measures how many events per second are accepted that are sent to those present in a room, but not
// stored. It compares them with a handler of net/http that reads the same requests and responds to them.
func benchEphemeral(b *testing.B, t *table) {
	bare := startBareHandler(b)
	for _, d := range benchDatabases() {
		b.Run(d.name, func(b *testing.B) {
			s := harness.StartServer(b, d.make(b), "--rate-limit", "off")
			l := newEphemeralLoad(b, s.URL)
			for _, k := range ephemeralKinds {
				b.Run(k.name, func(b *testing.B) {
					l.compare(b, t, k, figureName(k.figure+", "+d.title, ephemeralClients), bare)
				})
			}
		})
	}
}

// ephemeralKind is a kind of events that are not stored.
type ephemeralKind struct {
	name, figure string
	events       models.EventName
	requests     func(p ephemeralClient) [][]byte
}

var ephemeralKinds = []ephemeralKind{
	{"typing", "typing events accepted per second", models.EventTyping, ephemeralClient.typingRequests},
	{"presence", "presence events accepted per second", models.EventPresenceEntered, ephemeralClient.presenceRequests},
}

// workInTurns runs the workers of both sides in turns, and returns the calls per second of each side.
func workInTurns(b *testing.B, parley, baseline []func() error, turns int, duration time.Duration) (p, o float64) {
	b.Helper()
	for range turns {
		runtime.GC()
		p += workFor(b, parley, duration) / float64(turns)
		runtime.GC()
		o += workFor(b, baseline, duration) / float64(turns)
	}
	return p, o
}

func figureName(what string, connections int) string {
	if connections == 1 {
		return what + ", 1 connection"
	}
	return fmt.Sprintf("%s, %d connections", what, connections)
}

// rotate returns the next function of a caller that repeats a list of requests.
func rotate(requests [][]byte) func() []byte {
	i := -1
	return func() []byte {
		i = (i + 1) % len(requests)
		return requests[i]
	}
}

// ephemeralLoad is clients with a room and a stream each, and an observer who is in all rooms and receives each event.
type ephemeralLoad struct {
	clients []ephemeralClient
	events  map[models.EventName]*atomic.Int64 // received by the observer
}

type ephemeralClient struct {
	*harness.Client
	roomID   int64
	streamID string
}

func newEphemeralLoad(b *testing.B, url string) ephemeralLoad {
	b.Helper()
	all := ephemeralLoad{events: map[models.EventName]*atomic.Int64{
		models.EventTyping: {}, models.EventPresenceEntered: {},
	}}
	anonymous := harness.NewClient(b, url)
	observer := anonymous.NewGuestNamed("observer")
	var rooms []string
	for i := range ephemeralClients {
		guest := anonymous.NewGuestNamed(fmt.Sprintf("guest%d", i))
		p := ephemeralClient{Client: guest, roomID: guest.CreateRoom(models.NewRoom{Name: harness.Ptr("bench")}).ID}
		p.streamID = readStream(b, guest, "", nil)
		observer.JoinRoom(p.roomID)
		all.clients, rooms = append(all.clients, p), append(rooms, fmt.Sprintf("room=%d", p.roomID))
	}
	readStream(b, observer, strings.Join(rooms, "&"), all.events)
	return all
}

// compare measures the requests of a kind, in turns with the bare handler at its URL.
func (a ephemeralLoad) compare(b *testing.B, t *table, k ephemeralKind, figure, bare string) {
	var asked, baseline []*caller
	for _, p := range a.clients {
		next := rotate(k.requests(p))
		asked = append(asked, newCaller(b, p.URL, "204", next))
		baseline = append(baseline, newCaller(b, bare, "204", next))
	}
	var rates pair
	for b.Loop() {
		before := a.received(k.events)
		rates.add(workInTurns(b, calls(asked), calls(baseline), ephemeralTurns, ephemeralTime))
		if a.received(k.events) == before {
			b.Fatalf("no %s was received", k.events)
		}
	}
	rates.report(b, "parley-requests/s", "bare-requests/s", "parley/bare")
	t.addWithGoal(figure, rates, "net/http alone", whole, atLeast(0.5, 0.8))
}

func (a ephemeralLoad) received(e models.EventName) int64 { return a.events[e].Load() }

func (p ephemeralClient) typingRequests() [][]byte {
	return [][]byte{requestBytes(p.Client, "POST", harness.RoomPath(p.roomID)+"/typing", nil)}
}

func (p ephemeralClient) presenceRequests() [][]byte {
	path := harness.RoomPath(p.roomID) + "/presence/" + p.streamID
	return [][]byte{requestBytes(p.Client, "PUT", path, nil), requestBytes(p.Client, "DELETE", path, nil)}
}

// readStream opens a stream that is read until the benchmark ends, counts its events by name, and returns its id.
func readStream(
	b *testing.B, by *harness.Client, query string, count map[models.EventName]*atomic.Int64,
) (streamID string) {
	b.Helper()
	body := by.OpenStreamBody(b.Context(), query)
	ready := make(chan models.Ready, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		_ = harness.ReadEvents(body, func(e harness.Event) bool {
			if n := count[models.EventName(e.Name)]; n != nil {
				n.Add(1)
			}
			if e.Name == string(models.EventReady) {
				var r models.Ready
				if err := e.Decode(&r); err != nil {
					b.Error(err)
				}
				ready <- r
			}
			return true
		})
	})
	b.Cleanup(func() { _ = body.Close(); reading.Wait() })
	select {
	case r := <-ready:
		return r.StreamID
	case <-time.After(harness.Timeout):
		b.Fatal("a stream did not become ready")
	}
	panic("unreachable")
}

// startBareHandler starts a server that only parses requests and responds to them, and returns its URL.
func startBareHandler(b *testing.B) (url string) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := io.Copy(io.Discard, r.Body); err != nil {
			b.Error(err)
		}
		w.WriteHeader(http.StatusNoContent)
	})}
	var serving sync.WaitGroup
	serving.Go(func() {
		if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			b.Error(err)
		}
	})
	b.Cleanup(func() {
		if err := server.Shutdown(context.Background()); err != nil {
			b.Error(err)
		}
		serving.Wait()
	})
	return "http://" + listener.Addr().String()
}
