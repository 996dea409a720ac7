package bench

import (
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	// latencyBacklog is the number of messages that the slow reader's stream replays first: more than the socket buffers
	// hold.
	latencyBacklog    = 8000
	latencyCharacters = 1000
	// latencyMessages are measured in each half of a round, one every latencyEvery, after latencyWarmUp that are not.
	latencyMessages = 600
	latencyWarmUp   = 100
	latencyEvery    = 3 * time.Millisecond
)

// benchLatency measures the time from the start of a send to the message's arrival.
func benchLatency(b *testing.B, t *table) {
	b.Run("many", func(b *testing.B) { benchReceipts(b, t) })
	b.Run("slow", func(b *testing.B) { benchSlowReader(b, t) })
}

// benchSlowReader measures that time at one reader, with and without another reader that takes 1 KB/s and is far
// behind.
func benchSlowReader(b *testing.B, t *table) {
	b.Helper()
	s := harness.StartServer(b, harness.NewSQLite(b), "--rate-limit", "off")
	c := newChat(b, s.URL, manySenders)
	from := c.members[0].Call("GET", harness.RoomPath(c.roomID), nil).ExpectStatus(200).Header("Event-Cursor")
	senders := newSenders(b, s.URL, c, manySenders, latencyCharacters)
	sendMessages(b, senders, latencyBacklog)
	fast := readArrivals(b, c)

	var p50, p99 pair
	for b.Loop() {
		runtime.GC()
		// Half before and half after, so that changes over time affect both measurements.
		alone := measureLatency(b, senders[0], fast, latencyMessages/2)
		stop := readSlowly(b, s.URL, c, from)
		withSlow := measureLatency(b, senders[0], fast, latencyMessages)
		stop()
		alone = append(alone, measureLatency(b, senders[0], fast, latencyMessages/2)...)
		p50.add(withSlow.quantile(.5), alone.quantile(.5))
		p99.add(withSlow.quantile(.99), alone.quantile(.99))
	}
	p50.report(b, "slow-p50-ms", "alone-p50-ms", "p50-ratio")
	p99.report(b, "slow-p99-ms", "alone-p99-ms", "p99-ratio")
	t.add("p50 of the time from send to receipt, a reader of 1 KB/s beside", p50, "no slow reader", milliseconds)
	t.add("p99 of the time from send to receipt, a reader of 1 KB/s beside", p99, "no slow reader", milliseconds)
}

// readArrivals opens a stream and returns a channel of the times at which its messages arrive.
func readArrivals(b *testing.B, c chat) <-chan time.Time {
	b.Helper()
	body := c.members[0].OpenStreamBody(b.Context(), fmt.Sprintf("room=%d", c.roomID))
	arrivals := make(chan time.Time, 1)
	var reading sync.WaitGroup
	reading.Go(func() {
		defer close(arrivals)
		_ = harness.ReadEvents(body, func(e harness.Event) bool {
			if e.Name == string(models.EventMessageCreated) {
				arrivals <- time.Now()
			}
			return true
		})
	})
	b.Cleanup(func() { _ = body.Close(); reading.Wait() })
	return arrivals
}

// measureLatency sends messages at a steady rate and returns how long each took to arrive, in milliseconds.
func measureLatency(b *testing.B, s *sender, arrivals <-chan time.Time, n int) series {
	b.Helper()
	var took series
	runPaced(time.Now(), latencyWarmUp+n, latencyEvery, func(i int, start time.Time) {
		if err := s.send(); err != nil {
			b.Fatal(err)
		}
		select {
		case at, open := <-arrivals:
			if !open {
				b.Fatal("the stream ended")
			}
			if i >= latencyWarmUp {
				took = append(took, float64(at.Sub(start))/float64(time.Millisecond))
			}
		case <-time.After(harness.Timeout):
			b.Fatal("a message did not arrive in time")
		}
	})
	return took
}

// runPaced calls do a number of times at fixed intervals, with the start of each call. If a call is late because the
// one before took too long, its start is the time at which it should have begun.
func runPaced(begin time.Time, times int, every time.Duration, do func(i int, start time.Time)) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	<-timer.C
	for i := range times {
		start := begin.Add(time.Duration(i) * every)
		if wait := time.Until(start); wait > 0 {
			timer.Reset(wait)
			<-timer.C
			start = time.Now()
		}
		do(i, start)
	}
}

// readSlowly opens a stream that begins at cursor, and reads 1 KB/s of it until stop is called.
func readSlowly(b *testing.B, url string, c chat, cursor string) (stop func()) {
	b.Helper()
	conn, err := openRaw(b.Context(), url, c, c.members[1], cursor)
	if err != nil {
		b.Fatal(err)
	}
	stopped := make(chan struct{})
	var reading sync.WaitGroup
	reading.Go(func() {
		second := time.NewTicker(time.Second)
		defer second.Stop()
		for {
			select {
			case <-stopped:
				return
			case <-second.C:
			}
			if _, err := io.CopyN(io.Discard, conn, 1024); err != nil && !errors.Is(err, net.ErrClosed) {
				b.Error("the slow reader was cut off: ", err)
				return
			}
		}
	})
	return func() { close(stopped); _ = conn.Close(); reading.Wait() }
}
