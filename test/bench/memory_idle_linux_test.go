package bench

import (
	"os"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// idleSilence is the longest that a stream may be left without a heartbeat, of which one is due every 20 s.
const idleSilence = 30 * time.Second

// idleLong is how long BenchmarkIdle is to last.
const idleLong = "PARLEY_BENCH_IDLE"

// BenchmarkIdle holds many streams for a long time in which nothing happens but heartbeats, and then sends a message to
// all of them.
func BenchmarkIdle(b *testing.B) {
	spell, err := time.ParseDuration(os.Getenv(idleLong))
	if err != nil {
		b.Skip(idleLong + " is not set to a duration")
	}
	if missing := lacksFiles(b, idleStreams+2*idleBefore+1000); missing != "" {
		b.Skip(missing)
	}
	database := harness.NewSQLite(b)
	c := newIdleChat(b, database)
	for b.Loop() {
		holdIdle(b, database, c, spell)
	}
	b.ReportMetric(0, "ns/op")
}

func holdIdle(b *testing.B, database string, c chat, spell time.Duration) {
	b.Helper()
	h := hostParley(b, database)
	defer h.stop()
	before := openStreams(b, h.url, c, idleBefore)
	defer before.close()
	lie(idleSettle)
	fresh := h.resident()
	listening := openStreams(b, h.url, c, idleStreams)
	defer listening.close()
	sendAfresh(b, h, c)
	listening.await(1) // they have all caught up

	grown := func() string { return kilobytes((h.resident() - fresh) / idleStreams) }
	b.Logf("%d streams of %d users, %v", idleStreams, len(c.members), spell)
	b.Logf("memory of a stream at the start: %s", grown())
	spent, start := h.spent(), time.Now()
	listening.time()
	lie(spell)
	spent = h.spent() - spent
	b.Logf("memory of a stream at the end: %s", grown())
	b.Logf("CPU meanwhile: %v, %.2f %% of one", spent.Round(time.Millisecond), 100*float64(spent)/float64(time.Since(start)))
	b.ReportMetric(float64(spent)/float64(time.Second)/time.Since(start).Minutes(), "cpu-s/min")
	b.ReportMetric((h.resident()-fresh)/idleStreams, "B/stream")

	sent := sendAfresh(b, h, c)
	listening.await(1)
	// What came twice came before this one.
	sendAfresh(b, h, c)
	listening.await(1)
	ears := listening.ears
	listening.close()
	var receipts, silences, beats series
	for _, e := range ears {
		receipts = append(receipts, float64(e.came[0].Sub(sent))/float64(time.Millisecond))
		silences = append(silences, max(e.silence, sent.Sub(e.heard)).Seconds())
		beats = append(beats, float64(e.beats))
	}
	b.Logf("heartbeats of a stream: %.0f to %.0f; the longest silence: %.1f s", slices.Min(beats), slices.Max(beats), slices.Max(silences))
	if slices.Max(silences) > idleSilence.Seconds() {
		b.Error("that is too long")
	}
	b.Logf("a message then, on every stream once: half of them had it after %.1f ms, the last one after %.1f ms", receipts.median(), slices.Max(receipts))
	b.ReportMetric(slices.Max(silences), "silence-s")
	b.ReportMetric(slices.Max(receipts), "last-ms")
}

// sendAfresh sends a message over a connection and with a token of its own, since neither lives for long, and answers
// when.
func sendAfresh(b *testing.B, h *host, c chat) time.Time {
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
