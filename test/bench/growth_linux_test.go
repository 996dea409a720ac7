package bench

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// growMessagesVariable and growPlotVariable name the variables that set the largest number of messages in the database,
// without which BenchmarkGrowth is skipped, and the file for the chart.
const (
	growMessagesVariable = "PARLEY_BENCH_MESSAGES"
	growPlotVariable     = "PARLEY_BENCH_PLOT"
)

const (
	growSendTime = 2 * time.Second
	growReadTime = 300 * time.Millisecond
	growSenders  = 32
)

// growSend, growHistory and growSearch are the names of the measurements in the chart.
const (
	growSend    = "send, 32 at a time"
	growHistory = "history, a page in the middle"
	growSearch  = "words, one message of the room"
)

// BenchmarkGrowth measures the cost of a message as its room grows, and the costs of messages and pages as the database
// grows. The server is a process of its own. One iteration is one round.
func BenchmarkGrowth(b *testing.B) {
	most, err := strconv.Atoi(os.Getenv(growMessagesVariable))
	if err != nil {
		b.Skip(growMessagesVariable + " is not set")
	}
	grids := []*grid{growRooms(b)}
	for _, d := range benchDatabases() {
		g := newGrid(d.title+", by messages in the database", "ms")
		for _, size := range []int{10_000, 1_000_000, 10_000_000} {
			if size > most {
				break
			}
			b.Run(fmt.Sprintf("%s/messages=%d", d.name, size), func(b *testing.B) {
				d.newFilledDatabase(b, size).measure(b, g)
			})
		}
		grids = append(grids, g)
	}
	fmt.Printf("\n%s\n", machine(b))
	for _, g := range grids {
		if err := g.print(os.Stdout); err != nil {
			b.Error(err)
		}
	}
	if file := os.Getenv(growPlotVariable); file != "" {
		if err := os.WriteFile(file, growthPicture(grids[0], grids[1], grids[2]), 0o644); err != nil {
			b.Error(err)
		}
	}
}

// growthPicture draws the costs of a delivery by the size of the room, and the costs of messages and pages by the size
// of the database.
func growthPicture(rooms, sqlite, postgres *grid) []byte {
	const blue, green, red = "#0969da", "#1a7f37", "#cf222e"
	const dashes = "6 4"
	return plot(
		panel{"A delivery, as rooms grow", "streams in the room (SQLite, 32 sends in flight)", "µs", []line{
			{"server CPU for a delivery", blue, "", true, rooms, growDelivery},
			{"time for a delivery", green, dashes, false, rooms, growTime},
		}},
		panel{"A message and a page, as the database grows", "messages in the database", "ms", []line{
			{"send, 32 at a time: SQLite", blue, "", false, sqlite, growSend},
			{"PostgreSQL", blue, dashes, false, postgres, growSend},
			{"page of 50 of the history: SQLite", green, "", false, sqlite, growHistory},
			{"PostgreSQL", green, dashes, false, postgres, growHistory},
			{"search for two words: SQLite", red, "", false, sqlite, growSearch},
			{"PostgreSQL", red, dashes, false, postgres, growSearch},
		}},
	)
}

// growRequest is a request of Anna, and the number of items that the response must have; 0 for any.
type growRequest struct {
	name, path string
	items      int
}

func (w *filledDatabase) requests() []growRequest {
	history := harness.RoomPath(w.rooms[0]) + "/messages"
	middle := w.size / 10 / 2
	return []growRequest{
		{growHistory, fmt.Sprint(history, "?before=", middle), 50},
		{"history, newest page", history, 50},
		{"history, oldest page", history + "?after=1", 50},
		{"word, one message in twenty of the room", history + "/search?q=word7", 50},
		{"word, every message of the room", history + "/search?q=tea", 50},
		{growSearch, fmt.Sprintf("%s/search?q=m%d%%20tea", history, middle), 1},
		{"prefix, one message of the room", fmt.Sprintf("%s/search?prefix=m%d%%20", history, middle), 1},
		{"prefix, every message of the room", history + "/search?prefix=m", 50},
		{"word over all rooms, ten messages", fmt.Sprint("/v1/search?q=m", w.size/100*2), 10},
		{"word over all rooms, every message", "/v1/search?q=tea", 50},
		{"the user's rooms", "/v1/rooms", 50},
		{"public rooms by prefix", "/v1/rooms/search?prefix=room%205", 0},
		{"users by prefix", "/v1/users?prefix=an", 1},
	}
}

func (w *filledDatabase) measure(b *testing.B, g *grid) {
	h := startParley(b, w.database)
	defer h.stop()
	anna := w.anna.WithoutToken().AtServer(h.url)
	anna.Session = w.anna.Session
	refresh := map[string]any{"refresh_token": anna.RefreshToken}
	anna.Call("POST", "/v1/sessions/refresh", refresh).ExpectStatus(200).Decode(&anna.Session)
	for _, r := range w.requests() {
		b.Run(r.name, func(b *testing.B) {
			first := anna.Call("GET", r.path, nil).ExpectStatus(200)
			var page models.Page[json.RawMessage]
			first.Decode(&page)
			if len(page.Items) != r.items && r.items != 0 {
				b.Fatalf("got %d items, want %d", len(page.Items), r.items)
			}
			c := newCaller(b, h.url, "200", sameRequest(requestBytes(anna, "GET", r.path, nil)))
			c.size = len(first.Body)
			var took series
			for b.Loop() {
				took = append(took, 1000/workFor(b, calls([]*caller{c}), growReadTime))
			}
			report(b, took, "ms")
			g.set(r.name, w.size, took.median())
		})
	}
	b.Run(growSend, func(b *testing.B) { w.measureSends(b, g, h, anna) })
}

// measureSends measures sends of Anna to random rooms among hers.
func (w *filledDatabase) measureSends(b *testing.B, g *grid, h *host, anna *harness.Client) {
	var requests [][]byte
	c := newTextGenerator()
	for i := range 4096 {
		body, err := json.Marshal(models.NewMessage{Text: fmt.Sprintf("m%d says word%d tea %s", i, i%fillCommon, c.text(60))})
		if err != nil {
			b.Fatal(err)
		}
		room := w.rooms[rand.IntN(min(len(w.rooms), 1+fillOwn))]
		requests = append(requests, requestBytes(anna, "POST", harness.RoomPath(room)+"/messages", body))
	}
	var sent atomic.Int64
	next := func() []byte { return requests[sent.Add(1)%int64(len(requests))] }
	var senders []*caller
	for range growSenders {
		senders = append(senders, newCaller(b, h.url, "201", next))
	}
	countWork(b, calls(senders), sendWarmUp)
	var took, processor series
	for b.Loop() {
		before := h.cpuTime()
		n, duration := countWork(b, calls(senders), growSendTime)
		processor = append(processor, (h.cpuTime()-before).Seconds()*1000/n)
		took = append(took, duration.Seconds()*1000/n)
	}
	report(b, processor, "cpu-ms/msg")
	report(b, took, "ms/msg")
	g.set(growSend, w.size, took.median())
	g.set("send, the server's CPU", w.size, processor.median())
}

// report puts the median of a series into the benchmark's output line.
func report(b *testing.B, s series, unit string) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(s.median(), unit)
}
