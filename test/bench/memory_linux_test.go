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
	idleStreams = 10_000
	idleBefore  = 1000
	idleSettle  = 12 * time.Second
	idleFor     = 30 * time.Second
	// idleRounds is how many rounds there are at most: they are long, and differ little.
	idleRounds = 2
)

// benchMemory measures how much the memory of a fresh server grows with each of many streams on which nothing happens,
// beside as many connections that were taken over from net/http and lie there.
func benchMemory(b *testing.B, t *table) {
	b.Helper()
	figure := fmt.Sprintf("memory of an idle stream, %s of them", whole(idleStreams))
	if missing := lacksFiles(b, idleStreams+2*idleBefore+1000); missing != "" {
		t.lack(figure, missing)
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
	t.addAsked(figure, memory, "taken over and parked", kilobytes, goal{"at most 6 KB", "at most 3 KB"})
}

// newIdleChat has as few members as may have all the streams.
func newIdleChat(b *testing.B, database string) chat {
	b.Helper()
	return newChatIn(b, database, (idleStreams+idleBefore)/models.MaxStreamsPerUser)
}

// kilobytes shows an amount of memory.
func kilobytes(x float64) string { return fmt.Sprintf("%.1f KB", x/1024) }

// compareIdle lets the streams of both sides lie there at the same time.
func compareIdle(b *testing.B, database string, c chat) (parley, bare float64) {
	b.Helper()
	h, other := hostParley(b, database), hostBare(b)
	defer h.stop()
	defer other.stop()
	first := openStreams(b, h.url, c, idleBefore)
	defer first.close()
	besides := openStreams(b, other.url, chat{members: []*harness.Client{{}}}, idleBefore)
	defer besides.close()
	lie(idleSettle)
	parleyBefore, bareBefore := h.resident(), other.resident()
	idle := openStreams(b, h.url, c, idleStreams)
	defer idle.close()
	defer hostBareStreams(b, other).stop()
	lie(idleFor)
	parley, bare = (h.resident()-parleyBefore)/idleStreams, (other.resident()-bareBefore)/idleStreams
	// They are all there.
	senders := newSenders(b, h.url, c, 1, sendCharacters)
	defer closeSenders(senders)
	sendMessages(b, senders, 1)
	idle.await(1)
	return parley, bare
}

// lie lets time pass in which nothing happens: that is what is measured.
func lie(spell time.Duration) {
	time.Sleep(spell) //nolint:forbidigo // there is nothing to wait for
}

// asStreams has BenchmarkBareStreams open streams of the server whose URL the variable holds.
const asStreams = "PARLEY_BENCH_STREAMS"

// hostBareStreams opens the bare server's idle streams in a process of their own: one may not have as many files as the
// streams of both sides take.
func hostBareStreams(b *testing.B, server *host) *host {
	b.Helper()
	return launchBenchmark(b, "BenchmarkBareStreams", asStreams, server.url)
}

// BenchmarkBareStreams measures nothing: it holds streams open until SIGTERM, in a process of its own beside another
// benchmark.
func BenchmarkBareStreams(b *testing.B) {
	url := os.Getenv(asStreams)
	if url == "" {
		b.Skip(asStreams + " is not set")
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
