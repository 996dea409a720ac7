package bench

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// maxIdleSilence is the longest that a stream may be left without a heartbeat, of which one is due every 20 s.
const maxIdleSilence = 30 * time.Second

// idleDurationVariable is how long BenchmarkIdle is to last.
const idleDurationVariable = "PARLEY_BENCH_IDLE"

// BenchmarkIdle holds many streams for a long time in which nothing happens but heartbeats, and then sends a message to
// all of them.
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
	fresh := h.resident()
	listening := openStreams(b, h.url, c, idleStreams)
	defer listening.close()
	sendOverNewConnection(b, h, c)
	listening.await(1) // they have all caught up

	grown := func() string { return kilobytes((h.resident() - fresh) / idleStreams) }
	b.Logf("%d streams of %d users, %v", idleStreams, len(c.members), duration)
	b.Logf("memory of a stream at the start: %s", grown())
	spent, start := h.cpuTime(), time.Now()
	listening.startTiming()
	waitIdle(duration)
	spent = h.cpuTime() - spent
	b.Logf("memory of a stream at the end: %s", grown())
	b.Logf("CPU meanwhile: %v, %.2f %% of one", spent.Round(time.Millisecond), 100*float64(spent)/float64(time.Since(start)))
	b.ReportMetric(float64(spent)/float64(time.Second)/time.Since(start).Minutes(), "cpu-s/min")
	b.ReportMetric((h.resident()-fresh)/idleStreams, "B/stream")

	sent := sendOverNewConnection(b, h, c)
	listening.await(1)
	// What came twice came before this one.
	sendOverNewConnection(b, h, c)
	listening.await(1)
	ears := listening.sockets
	listening.close()
	var receipts, silences, beats series
	for _, e := range ears {
		receipts = append(receipts, float64(e.arrivals[0].Sub(sent))/float64(time.Millisecond))
		silences = append(silences, max(e.longestSilence, sent.Sub(e.lastRead)).Seconds())
		beats = append(beats, float64(e.heartbeats))
	}
	b.Logf("heartbeats of a stream: %.0f to %.0f; the longest silence: %.1f s", slices.Min(beats), slices.Max(beats), slices.Max(silences))
	if slices.Max(silences) > maxIdleSilence.Seconds() {
		b.Error("that is too long")
	}
	b.Logf("a message then, on every stream once: half of them had it after %.1f ms, the last one after %.1f ms", receipts.median(), slices.Max(receipts))
	b.ReportMetric(slices.Max(silences), "silence-s")
	b.ReportMetric(slices.Max(receipts), "last-ms")
}

// sendOverNewConnection sends a message over a connection and with a token of its own, since neither lives for long, and answers
// when.
func sendOverNewConnection(b *testing.B, h *host, c chat) time.Time {
	b.Helper()
	me := c.members[0].AtServer(h.url)
	me.Call("POST", harness.RefreshPath, models.Refresh{RefreshToken: me.RefreshToken}).ExpectStatus(200).Decode(&me.Session)
	c.members[0] = me
	senders := newSenders(b, h.url, c, 1, sendCharacters)
	defer closeSenders(senders)
	sent := time.Now()
	sendMessages(b, senders, 1)
	return sent
}
