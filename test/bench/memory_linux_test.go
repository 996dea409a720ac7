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
	// idleStreams are opened after idleWarmUpStreams, which cause the costs that occur only once. Before memory is
	// measured first, the server has the time idleWarmUp to release the memory that its start and these streams needed.
	idleStreams       = 10_000
	idleWarmUpStreams = 1000
	idleWarmUp        = 12 * time.Second
	idleTime          = 30 * time.Second
	// idleRounds is the maximum number of rounds: they are long, and differ little.
	idleRounds = 2
)

// benchMemory measures how much the memory of a new server grows with each of many idle streams. It compares it with as
// many idle connections that were taken over from net/http.
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
	t.addWithGoal(figure, memory, "taken over and parked", kilobytes, goal{"at most 2 KB", "at most 1.5 KB"})
}

// newIdleChat creates a chat with as few members as are allowed to open all the streams.
func newIdleChat(b *testing.B, database string) chat {
	b.Helper()
	return newChatIn(b, database, (idleStreams+idleWarmUpStreams)/models.MaxStreamsPerUser)
}

// kilobytes formats a number of bytes.
func kilobytes(x float64) string { return fmt.Sprintf("%.1f KB", x/1024) }

// compareIdle keeps the idle streams of both sides open at the same time, and returns the bytes for each stream.
func compareIdle(b *testing.B, database string, c chat) (parley, bare float64) {
	b.Helper()
	h, other := startParley(b, database), startBareServer(b)
	defer h.stop()
	defer other.stop()
	first := openStreams(b, h.url, c, idleWarmUpStreams)
	defer first.close()
	otherFirst := openStreams(b, other.url, chat{members: []*harness.Client{{}}}, idleWarmUpStreams)
	defer otherFirst.close()
	waitIdle(idleWarmUp)
	parleyBefore, bareBefore := h.resident(), other.resident()
	idle := openStreams(b, h.url, c, idleStreams)
	defer idle.close()
	defer startBareStreams(b, other).stop()
	waitIdle(idleTime)
	parley, bare = (h.resident()-parleyBefore)/idleStreams, (other.resident()-bareBefore)/idleStreams
	// Check that all streams are still open.
	senders := newSenders(b, h.url, c, 1, sendCharacters)
	defer closeSenders(senders)
	sendMessages(b, senders, 1)
	idle.await(1)
	return parley, bare
}

// waitIdle waits while nothing happens, which is the state that is measured.
func waitIdle(duration time.Duration) {
	time.Sleep(duration) //nolint:forbidigo // there is nothing to wait for
}

// bareStreamsVariable names the variable that makes BenchmarkBareStreams open streams, at the URL in the variable.
const bareStreamsVariable = "PARLEY_BENCH_STREAMS"

// startBareStreams opens the bare server's idle streams in a process of their own: the limit of open files of one
// process may be too low for the streams of both sides.
func startBareStreams(b *testing.B, server *host) *host {
	b.Helper()
	return startBenchmark(b, "BenchmarkBareStreams", bareStreamsVariable, server.url)
}

// BenchmarkBareStreams measures nothing: it keeps streams open until SIGTERM, in a process of its own, for another
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
