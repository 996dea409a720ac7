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
	// passers make requests side by side, each over a connection that it keeps.
	passers = 32
	// In each round Parley and the bare handler take so many turns of passingSpell each.
	passingTurns = 2
	passingSpell = 500 * time.Millisecond
)

// benchPassing measures how many events are accepted per second that are told to those in a room and stored nowhere,
// beside a handler of net/http that reads the very same requests and answers them.
func benchPassing(b *testing.B, t *table) {
	s := harness.StartServer(b, harness.NewSQLite(b), "--rate-limit", "off")
	all := newPassing(b, s.URL)
	bare := startBareHandler(b)
	for _, k := range []struct {
		name, figure string
		events       models.EventName
		requests     func(p passer) [][]byte
	}{
		{"typing", "typing events accepted per second", models.EventTyping, passer.types},
		{"presence", "presence events accepted per second", models.EventPresenceEntered, passer.entersAndLeaves},
	} {
		b.Run(k.name, func(b *testing.B) {
			var asked, beside []*caller
			for _, p := range all.passers {
				next := inTurn(k.requests(p))
				asked = append(asked, newCaller(b, s.URL, "204", next))
				beside = append(beside, newCaller(b, bare, "204", next))
			}
			var rates pair
			for b.Loop() {
				before := all.heard(k.events)
				rates.add(workInTurns(b, calls(asked), calls(beside), passingTurns, passingSpell))
				if all.heard(k.events) == before {
					b.Fatalf("nobody heard of %s", k.events)
				}
			}
			rates.report(b, "parley-requests/s", "bare-requests/s", "parley/bare")
			t.addAsked(figureOf(k.figure, passers), rates, "net/http alone", whole, least(0.5, 0.8))
		})
	}
}

// workInTurns has the workers of both sides work in turns, and answers how often per second they did.
func workInTurns(b *testing.B, parley, beside []func() error, turns int, spell time.Duration) (p, o float64) {
	b.Helper()
	for range turns {
		runtime.GC()
		p += workFor(b, parley, spell) / float64(turns)
		runtime.GC()
		o += workFor(b, beside, spell) / float64(turns)
	}
	return p, o
}

func figureOf(what string, connections int) string {
	if connections == 1 {
		return what + ", 1 connection"
	}
	return fmt.Sprintf("%s, %d connections", what, connections)
}

// inTurn is a caller's next that goes through requests again and again.
func inTurn(requests [][]byte) func() []byte {
	i := -1
	return func() []byte {
		i = (i + 1) % len(requests)
		return requests[i]
	}
}

// passing are people with a room and a stream each, and somebody who is in all the rooms and hears of each event.
type passing struct {
	passers []passer
	events  map[models.EventName]*atomic.Int64 // that the somebody heard
}

type passer struct {
	*harness.Client
	roomID   int64
	streamID string
}

func newPassing(b *testing.B, url string) passing {
	b.Helper()
	all := passing{events: map[models.EventName]*atomic.Int64{models.EventTyping: {}, models.EventPresenceEntered: {}}}
	nobody := harness.NewClient(b, url)
	somebody := nobody.NewGuestNamed("somebody")
	var rooms []string
	for i := range passers {
		guest := nobody.NewGuestNamed(fmt.Sprintf("guest%d", i))
		p := passer{Client: guest, roomID: guest.CreateRoom(models.NewRoom{Name: harness.Ptr("bench")}).ID}
		p.streamID = hear(b, guest, "", nil)
		somebody.JoinRoom(p.roomID)
		all.passers, rooms = append(all.passers, p), append(rooms, fmt.Sprintf("room=%d", p.roomID))
	}
	hear(b, somebody, strings.Join(rooms, "&"), all.events)
	return all
}

func (a passing) heard(e models.EventName) int64 { return a.events[e].Load() }

func (p passer) types() [][]byte {
	return [][]byte{requestBytes(p.Client, "POST", harness.RoomPath(p.roomID)+"/typing", nil)}
}

func (p passer) entersAndLeaves() [][]byte {
	path := harness.RoomPath(p.roomID) + "/presence/" + p.streamID
	return [][]byte{requestBytes(p.Client, "PUT", path, nil), requestBytes(p.Client, "DELETE", path, nil)}
}

// hear opens a stream that is read until the benchmark ends, counts what comes, and answers its id.
func hear(b *testing.B, by *harness.Client, query string, count map[models.EventName]*atomic.Int64) (streamID string) {
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
		b.Fatal("a stream did not begin")
	}
	panic("unreachable")
}

// startBareHandler starts a server that does no more than parse a request and answer it, and answers where.
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
