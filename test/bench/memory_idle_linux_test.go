package bench

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// maxIdleSilence is the longest time that a stream may be without a heartbeat; the interval of heartbeats is 20 s.
const maxIdleSilence = 30 * time.Second

// idleDurationVariable names the variable that sets the duration of BenchmarkIdle.
const idleDurationVariable = "PARLEY_BENCH_IDLE"

// BenchmarkIdle keeps many streams open for a long time with nothing but heartbeats, and then sends a message to all of
// them.
func BenchmarkIdle(b *testing.B) {
	duration, err := time.ParseDuration(os.Getenv(idleDurationVariable))
	if err != nil {
		b.Skip(idleDurationVariable + " is not set to a duration")
	}
	if missing := missingFiles(b, idleStreams+2*idleWarmUpStreams+1000); missing != "" {
		b.Skip(missing)
	}
	database := harness.NewSQLite(b)
	c := newIdleChat(b, database)
	for b.Loop() {
		measureIdle(b, database, c, duration)
	}
	b.ReportMetric(0, "ns/op")
}

func measureIdle(b *testing.B, database string, c chat, duration time.Duration) {
	b.Helper()
	h := startParley(b, database)
	defer h.stop()
	before := openStreams(b, h.url, c, idleWarmUpStreams)
	defer before.close()
	waitIdle(idleWarmUp)
	memoryBefore := h.resident()
	listening := openStreams(b, h.url, c, idleStreams)
	defer listening.close()
	sendOverNewConnection(b, h, c)
	listening.await(1) // all have caught up

	grown := func() string { return kilobytes((h.resident() - memoryBefore) / idleStreams) }
	b.Logf("%d streams of %d users, %v", idleStreams, len(c.members), duration)
	b.Logf("memory of a stream at the start: %s", grown())
	spent, start := h.cpuTime(), time.Now()
	listening.startTiming()
	waitIdle(duration)
	spent = h.cpuTime() - spent
	b.Logf("memory of a stream at the end: %s", grown())
	b.Logf("CPU time meanwhile: %v, %.2f %% of one core",
		spent.Round(time.Millisecond), 100*float64(spent)/float64(time.Since(start)))
	b.ReportMetric(float64(spent)/float64(time.Second)/time.Since(start).Minutes(), "cpu-s/min")
	b.ReportMetric((h.resident()-memoryBefore)/idleStreams, "B/stream")

	sent := sendOverNewConnection(b, h, c)
	listening.await(1)
	// Duplicates, if any, have arrived before this message.
	sendOverNewConnection(b, h, c)
	listening.await(1)
	sockets := listening.sockets
	listening.close()
	var receipts, silences, heartbeats series
	for _, e := range sockets {
		receipts = append(receipts, float64(e.arrivals[0].Sub(sent))/float64(time.Millisecond))
		silences = append(silences, max(e.longestSilence, sent.Sub(e.lastRead)).Seconds())
		heartbeats = append(heartbeats, float64(e.heartbeats))
	}
	b.Logf("heartbeats of a stream: %.0f to %.0f; the longest silence: %.1f s",
		slices.Min(heartbeats), slices.Max(heartbeats), slices.Max(silences))
	if slices.Max(silences) > maxIdleSilence.Seconds() {
		b.Errorf("the longest silence was %.1f s, want at most %v", slices.Max(silences), maxIdleSilence)
	}
	b.Logf("a message afterwards, once on every stream: half of them had it after %.1f ms, the last one after %.1f ms",
		receipts.median(), slices.Max(receipts))
	b.ReportMetric(slices.Max(silences), "silence-s")
	b.ReportMetric(slices.Max(receipts), "last-ms")
}

// sendOverNewConnection sends a message over a new connection with a new token, since neither remains valid for long,
// and returns the time of the send.
func sendOverNewConnection(b *testing.B, h *host, c chat) time.Time {
	b.Helper()
	me := c.members[0].AtServer(h.url)
	refresh := models.Refresh{RefreshToken: me.RefreshToken}
	me.Call("POST", harness.RefreshPath, refresh).ExpectStatus(200).Decode(&me.Session)
	c.members[0] = me
	senders := newSenders(b, h.url, c, 1, sendCharacters)
	defer closeSenders(senders)
	sent := time.Now()
	sendMessages(b, senders, 1)
	return sent
}
