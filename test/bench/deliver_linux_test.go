package bench

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	// Each side of a round delivers for deliverTime, after a warm-up that is not measured: new sockets are slower, and
	// streams must first catch up.
	deliverTime   = 2000 * time.Millisecond
	deliverWarmUp = 500 * time.Millisecond
	// deliverMembers is the number of members: too many for the server to send presence events to the room, which would
	// be measured too.
	deliverMembers = 600
	// parallelOpens is the number of streams that are opened at a time.
	parallelOpens = 16
)

// deliveryCase is one comparison of deliveries.
type deliveryCase struct {
	database string
	make     func(testing.TB) string
	streams  int
	inFlight int // concurrent sends

	rate, processor goal
}

// benchDeliver measures how many messages per second reach the streams of one room, each after its commit, and how much
// CPU time the server needs for them. It compares them with a loop that writes the same bytes to as many sockets. Each
// of the loop's writes has as many messages as there are concurrent sends, which is the most that can be queued.
func benchDeliver(b *testing.B, t *table) {
	for _, d := range []deliveryCase{
		{"SQLite", harness.NewSQLite, 1000, 200, atLeast(0.7, 0.9), atMost(1.5, 1.2)},
		{"SQLite", harness.NewSQLite, 1000, 64, atLeast(0.7, 0.9), atMost(1.5, 1.2)},
		{"SQLite", harness.NewSQLite, 1000, 20, atLeast(0.7, 0.9), atMost(1.5, 1.2)},
		{"SQLite", harness.NewSQLite, 5000, 200, goal{}, goal{}},
		{"PostgreSQL", harness.NewPostgres, 1000, 200, goal{}, goal{}},
	} {
		name := fmt.Sprintf("%s/streams=%d/sends=%d", strings.ToLower(d.database), d.streams, d.inFlight)
		b.Run(name, func(b *testing.B) {
			if missing := missingFiles(b, d.streams+1000); missing != "" {
				t.addMissing("deliveries per second, "+d.String(), missing)
				b.Skip(missing)
			}
			d.compare(b, t)
		})
	}
}

func (d deliveryCase) String() string {
	return fmt.Sprintf("%s streams, %d sends in flight, %s", whole(float64(d.streams)), d.inFlight, d.database)
}

func (d deliveryCase) compare(b *testing.B, t *table) {
	b.Helper()
	database := d.make(b)
	c := newChatIn(b, database, max(d.streams/models.MaxStreamsPerUser, deliverMembers))
	var rates, processors pair
	var perRead series
	for b.Loop() {
		parley, frames := d.parley(b, database, c)
		bare := d.bare(b, frames)
		rates.add(parley.rate, bare.rate)
		processors.add(parley.processor, bare.processor)
		perRead = append(perRead, parley.perRead)
	}
	processors.report(b, "parley-cpu-s/M", "bare-cpu-s/M", "parley/bare-cpu")
	rates.report(b, "parley-deliveries/s", "bare-deliveries/s", "parley/bare")
	b.ReportMetric(perRead.median(), "parley-msgs/piece")
	baseline := fmt.Sprintf("bare loop, %d in a write", d.inFlight)
	figure := fmt.Sprintf("deliveries per second, %s (%.1f in a piece)", d, perRead.median())
	t.addWithGoal(figure, rates, baseline, whole, d.rate)
	t.addWithGoal("server CPU per million deliveries, "+d.String(), processors, baseline, seconds, d.processor)
}

// seconds formats a number of seconds.
func seconds(x float64) string { return fmt.Sprintf("%.2f s", x) }

// deliveryResult is the result of one side of a round.
type deliveryResult struct {
	rate      float64 // deliveries per second
	processor float64 // seconds of CPU time for a million deliveries
	perRead   float64 // mean number of messages that a reader gets at once
}

// parley sends messages to a room that all streams are in. It also returns the frames that a stream received. The
// server is stopped afterwards, so that the other side has the machine for itself.
func (d deliveryCase) parley(b *testing.B, database string, c chat) (deliveryResult, [][]byte) {
	b.Helper()
	h := startParley(b, database)
	defer h.stop()
	senders := newSenders(b, h.url, c, d.inFlight, sendCharacters)
	defer closeSenders(senders)
	listening := openStreams(b, h.url, c, d.streams)
	defer listening.close()
	sendFor := func(duration time.Duration) int64 {
		end := time.Now().Add(duration)
		return sendWhile(b, senders, func() bool { return time.Now().Before(end) })
	}
	listening.await(sendFor(deliverWarmUp))
	done := measureDeliveries(b, h, listening, func() int64 { return sendFor(deliverTime) })
	// Duplicates, if any, have arrived before this message.
	sendMessages(b, senders, 1)
	listening.await(1)
	return done, listening.messageFrames()
}

// bare lets the bare server write the frames.
func (d deliveryCase) bare(b *testing.B, frames [][]byte) deliveryResult {
	b.Helper()
	h := startBareServer(b)
	defer h.stop()
	listening := openStreams(b, h.url, chat{members: []*harness.Client{{}}}, d.streams)
	defer listening.close()
	frames = frames[len(frames)%d.inFlight:] // only full pieces
	h.call("PUT", fmt.Sprintf("/pieces?together=%d", d.inFlight), bytes.Join(frames, nil))
	deliver := func(duration time.Duration) int64 {
		pieces, err := strconv.ParseInt(h.call("POST", "/deliveries?for="+duration.String(), nil), 10, 64)
		if err != nil {
			b.Fatal(err)
		}
		return pieces * int64(d.inFlight)
	}
	listening.await(deliver(deliverWarmUp))
	return measureDeliveries(b, h, listening, func() int64 { return deliver(deliverTime) })
}

// measureDeliveries measures the time and the server's CPU time from the call of deliver, which returns how many
// messages it sends to each stream, until the last one has arrived.
func measureDeliveries(b *testing.B, h *host, listening *streamGroup, deliver func() int64) deliveryResult {
	b.Helper()
	runtime.GC()
	listening.startCounting()
	spent, start := h.cpuTime(), time.Now()
	messages := deliver()
	listening.await(messages)
	took, spent := time.Since(start), h.cpuTime()-spent
	deliveries := float64(messages) * float64(len(listening.sockets))
	return deliveryResult{
		rate: deliveries / took.Seconds(), processor: spent.Seconds() * 1e6 / deliveries,
		perRead: listening.messagesPerRead(),
	}
}

// call makes a request to the bare server that Parley does not have, and returns the response's body.
func (h *host) call(method, path string, body []byte) string {
	h.b.Helper()
	anonymous := &harness.Client{T: h.b, HTTP: http.DefaultClient, URL: h.url}
	return string(anonymous.Send(method, path, body).ExpectStatus(http.StatusOK).Body)
}

// missingFiles returns "" if a process may open n files, and else the reason why not. Go has already raised the soft
// limit to the hard one.
func missingFiles(b *testing.B, n int) string {
	b.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	if limit.Cur >= uint64(n) {
		return ""
	}
	return fmt.Sprintf("needs %d open files, the limit (ulimit -Hn) is %d", n, limit.Cur)
}

// openStreams opens n streams, spread over the members.
func openStreams(b *testing.B, url string, c chat, n int) *streamGroup {
	b.Helper()
	return openStreamsIn(b, url, []chat{c}, n)
}

// openStreamsIn opens n streams, spread over the rooms in turn and over their members.
func openStreamsIn(b *testing.B, url string, rooms []chat, n int) *streamGroup {
	b.Helper()
	conns := make([]net.Conn, n)
	next := make(chan int)
	var opening sync.WaitGroup
	for range parallelOpens {
		opening.Go(func() {
			for i := range next {
				var err error
				c := rooms[i%len(rooms)]
				member := c.members[i/len(rooms)%len(c.members)]
				if conns[i], err = openRaw(b.Context(), url, c, member, ""); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	opening.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return newStreamGroup(b, conns)
}
