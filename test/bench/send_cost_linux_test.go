package bench

import (
	"fmt"
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

const (
	// costSenders send for costTime in a round, after costWarmUp. The bare loop commits in groups of costGroup.
	costSenders = 32
	costTime    = 4 * time.Second
	costWarmUp  = time.Second
	costGroup   = 16
)

// benchSendCost measures the CPU time of the server for a message that is sent, with all that follows from it, such as
// the word index that is filled later. It compares it with that of the loop of benchSend.
func benchSendCost(b *testing.B, t *table) {
	b.Helper()
	database, bareDatabase := harness.NewSQLite(b), harness.NewSQLite(b)
	c := newChatIn(b, database, costSenders)
	bare := newBareLoop(newChatIn(b, bareDatabase, costSenders), openBareSQLite(b, bareDatabase))
	var costs pair
	for b.Loop() {
		costs.add(sendCost(b, database, c), bareCost(b, bare))
	}
	costs.report(b, "parley-cpu-µs", "bare-cpu-µs", "parley/bare")
	t.addWithGoal(fmt.Sprintf("server CPU of a send, SQLite, %d at a time", costSenders), costs,
		fmt.Sprintf("bare loop in groups of %d", costGroup), microseconds, goal{"at most 150 µs", "at most 100 µs"})
}

func sendCost(b *testing.B, database string, c chat) float64 {
	b.Helper()
	h := startParley(b, database)
	defer h.stop()
	senders := newTextSenders(b, c.at(h.url))
	workFor(b, calls(senders), costWarmUp)
	before := h.cpuTime()
	rate := workFor(b, calls(senders), costTime)
	spent := h.cpuTime() - before
	for _, s := range senders {
		_ = s.conn.Close()
	}
	return float64(spent.Microseconds()) / (rate * costTime.Seconds())
}

func bareCost(b *testing.B, bare *bareLoop) float64 {
	b.Helper()
	bare.commitFor(b, costGroup, costWarmUp)
	runtime.GC()
	before := ownCPUTime(b)
	rate := bare.commitFor(b, costGroup, costTime)
	spent := ownCPUTime(b) - before
	return float64(spent.Microseconds()) / (rate * costTime.Seconds())
}

// ownCPUTime returns the CPU time of this process so far.
func ownCPUTime(b *testing.B) time.Duration {
	b.Helper()
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		b.Fatal(err)
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// microseconds formats a number of microseconds.
func microseconds(x float64) string { return fmt.Sprintf("%.0f µs", x) }
