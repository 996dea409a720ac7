package bench

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	// idleStreams are opened beside idleBefore that were there already: what the first ones take is taken once. Before the
	// memory is looked at for the first time, a server has idleSettle to put away what its start has left behind, and
	// them.
	idleStreams       = 10_000
	idleWarmUpStreams = 1000
	idleWarmUp        = 12 * time.Second
	idleTime          = 30 * time.Second
	// idleRounds is how many rounds there are at most: they are long, and differ little.
	idleRounds = 2
)

// benchMemory measures how much the memory of a fresh server grows with each of many streams on which nothing happens,
// beside as many connections that were taken over from net/http and lie there.
func benchMemory(b *testing.B, t *table) {
	b.Helper()
	figure := fmt.Sprintf("memory of an idle stream, %s of them", whole(idleStreams))
	if missing := missingFiles(b, idleStreams+2*idleWarmUpStreams+1000); missing != "" {
		t.addMissing(figure, missing)
		b.Skip(missing)
	}
	database := harness.NewSQLite(b)
	c := newIdleChat(b, database)
	var memory pair
	for b.Loop() {
		if len(memory.parley) < idleRounds {
			memory.add(compareIdle(b, database, c))
		}
	}
	memory.report(b, "parley-B/stream", "bare-B/stream", "parley/bare")
	t.addWithGoal(figure, memory, "taken over and parked", kilobytes, goal{"at most 6 KB", "at most 3 KB"})
}

// newIdleChat has as few members as may have all the streams.
func newIdleChat(b *testing.B, database string) chat {
	b.Helper()
	return newChatIn(b, database, (idleStreams+idleWarmUpStreams)/models.MaxStreamsPerUser)
}

// kilobytes shows an amount of memory.
func kilobytes(x float64) string { return fmt.Sprintf("%.1f KB", x/1024) }

// compareIdle lets the streams of both sides lie there at the same time.
func compareIdle(b *testing.B, database string, c chat) (parley, bare float64) {
	b.Helper()
	h, other := startParley(b, database), startBareServer(b)
	defer h.stop()
	defer other.stop()
	first := openStreams(b, h.url, c, idleWarmUpStreams)
	defer first.close()
	besides := openStreams(b, other.url, chat{members: []*harness.Client{{}}}, idleWarmUpStreams)
	defer besides.close()
	waitIdle(idleWarmUp)
	parleyBefore, bareBefore := h.resident(), other.resident()
	idle := openStreams(b, h.url, c, idleStreams)
	defer idle.close()
	defer startBareStreams(b, other).stop()
	waitIdle(idleTime)
	parley, bare = (h.resident()-parleyBefore)/idleStreams, (other.resident()-bareBefore)/idleStreams
	// They are all there.
	senders := newSenders(b, h.url, c, 1, sendCharacters)
	defer closeSenders(senders)
	sendMessages(b, senders, 1)
	idle.await(1)
	return parley, bare
}

// waitIdle lets time pass in which nothing happens: that is what is measured.
func waitIdle(duration time.Duration) {
	time.Sleep(duration) //nolint:forbidigo // there is nothing to wait for
}

// bareStreamsVariable has BenchmarkBareStreams open streams of the server whose URL the variable holds.
const bareStreamsVariable = "PARLEY_BENCH_STREAMS"

// startBareStreams opens the bare server's idle streams in a process of their own: one may not have as many files as the
// streams of both sides take.
func startBareStreams(b *testing.B, server *host) *host {
	b.Helper()
	return startBenchmark(b, "BenchmarkBareStreams", bareStreamsVariable, server.url)
}

// BenchmarkBareStreams measures nothing: it holds streams open until SIGTERM, in a process of its own beside another
// benchmark.
func BenchmarkBareStreams(b *testing.B) {
	url := os.Getenv(bareStreamsVariable)
	if url == "" {
		b.Skip(bareStreamsVariable + " is not set")
	}
	ctx, stop := signal.NotifyContext(b.Context(), syscall.SIGTERM)
	defer stop()
	listening := openStreams(b, url, chat{members: []*harness.Client{{}}}, idleStreams)
	defer listening.close()
	fmt.Println("\nEach stream is ready.")
	select {
	case <-ctx.Done():
	case err := <-listening.failed:
		b.Fatal(err)
	}
}
