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
	// Each side of a round delivers for so long, after a while that is not measured: new sockets are slower, and streams
	// have yet to catch up.
	deliverTime   = 2000 * time.Millisecond
	deliverWarmUp = 500 * time.Millisecond
	// deliverMembers are in the room: more than a room may have that is told who of its members came online, which would
	// be measured too.
	deliverMembers = 600
	// parallelOpens is how many streams are opened at a time.
	parallelOpens = 16
)

// deliveryCase is one comparison of deliveries.
type deliveryCase struct {
	database string
	make     func(testing.TB) string
	streams  int
	inFlight int // sends that are under way at any time

	rate, processor goal
}

// benchDeliver measures how many messages per second reach the streams of one room, each committed before, and what of
// the processors a server takes for them, beside a loop that writes the same bytes to as many sockets, with each write
// as many messages as there are sends under way: no more can be queued.
func benchDeliver(b *testing.B, t *table) {
	for _, d := range []deliveryCase{
		{"SQLite", harness.NewSQLite, 1000, 200, atLeast(0.4, 0.7), atMost(3, 1.5)},
		{"SQLite", harness.NewSQLite, 1000, 20, atLeast(0.5, 0.8), atMost(3, 1.5)},
		{"SQLite", harness.NewSQLite, 5000, 200, goal{}, goal{}},
		{"PostgreSQL", harness.NewPostgres, 1000, 200, goal{}, goal{}},
	} {
		b.Run(fmt.Sprintf("%s/streams=%d/sends=%d", strings.ToLower(d.database), d.streams, d.inFlight), func(b *testing.B) {
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
	var together series
	for b.Loop() {
		parley, frames := d.parley(b, database, c)
		bare := d.bare(b, frames)
		rates.add(parley.rate, bare.rate)
		processors.add(parley.processor, bare.processor)
		together = append(together, parley.perRead)
	}
	processors.report(b, "parley-cpu-s/M", "bare-cpu-s/M", "parley/bare-cpu")
	rates.report(b, "parley-deliveries/s", "bare-deliveries/s", "parley/bare")
	b.ReportMetric(together.median(), "parley-msgs/piece")
	beside := fmt.Sprintf("bare loop, %d in a write", d.inFlight)
	t.addWithGoal(fmt.Sprintf("deliveries per second, %s (%.1f in a piece)", d, together.median()), rates, beside, whole, d.rate)
	t.addWithGoal("server CPU per million deliveries, "+d.String(), processors, beside, seconds, d.processor)
}

// seconds shows a short time.
func seconds(x float64) string { return fmt.Sprintf("%.2f s", x) }

// deliveryResult is what one side of a round came to.
type deliveryResult struct {
	rate      float64 // deliveries per second
	processor float64 // seconds of the processors for a million deliveries
	perRead   float64 // messages that came in one piece, in the mean
}

// parley has messages sent to a room that all streams are in. It answers the frames that came, too. The server lives no
// longer, so that the other side has the machine for itself.
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
	// What came twice came before this one.
	sendMessages(b, senders, 1)
	listening.await(1)
	return done, listening.messageFrames()
}

// bare has the other side write the frames.
func (d deliveryCase) bare(b *testing.B, frames [][]byte) deliveryResult {
	b.Helper()
	h := startBareServer(b)
	defer h.stop()
	listening := openStreams(b, h.url, chat{members: []*harness.Client{{}}}, d.streams)
	defer listening.close()
	frames = frames[len(frames)%d.inFlight:] // full pieces alone
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

// measureDeliveries measures what deliver has come to each stream, which answers how many messages those are: from its
// beginning until the last one is there.
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
		rate: deliveries / took.Seconds(), processor: spent.Seconds() * 1e6 / deliveries, perRead: listening.messagesPerRead(),
	}
}

// call makes a request of the bare server's own and answers what came back.
func (h *host) call(method, path string, body []byte) string {
	h.b.Helper()
	nobody := &harness.Client{T: h.b, HTTP: http.DefaultClient, URL: h.url}
	return string(nobody.Send(method, path, body).ExpectStatus(http.StatusOK).Body)
}

// missingFiles tells why a process may not open n files, or nothing. Go has raised the limit as far as it may.
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

// openStreams opens so many streams, spread over the members.
func openStreams(b *testing.B, url string, c chat, n int) *streamGroup {
	b.Helper()
	conns := make([]net.Conn, n)
	next := make(chan int)
	var opening sync.WaitGroup
	for range parallelOpens {
		opening.Go(func() {
			for i := range next {
				var err error
				if conns[i], err = openRaw(b.Context(), url, c, c.members[i%len(c.members)], ""); err != nil {
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
