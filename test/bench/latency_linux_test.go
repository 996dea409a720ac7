package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

const (
	// receiptMessages are sent to each side in a round, one every receiptEvery, each to receiptStreams. Before them,
	// receiptWarmUp messages are not measured.
	receiptMessages = 120
	receiptWarmUp   = 10
	receiptEvery    = 50 * time.Millisecond
	receiptStreams  = 1000
)

// benchReceipts measures the time from the start of a send to the message's arrival at each of many streams. It
// compares it with a handler that commits the same rows to the same kind of database, writes the same frame to as many
// sockets in a loop, and responds.
func benchReceipts(b *testing.B, t *table) {
	b.Helper()
	figure := fmt.Sprintf("of the time from send to receipt, 20 sends per second to %s streams", whole(receiptStreams))
	if missing := missingFiles(b, 2*receiptStreams+1000); missing != "" {
		t.addMissing("p50 and p99 "+figure, missing)
		b.Skip(missing)
	}
	database, bareTarget := harness.NewSQLite(b), bareChat{Database: harness.NewSQLite(b)}
	members := newChatIn(b, database, deliverMembers)
	others := newChatIn(b, bareTarget.Database, deliverMembers)
	bareTarget.RoomID = others.roomID
	for _, m := range others.members {
		bareTarget.Members = append(bareTarget.Members, m.Session)
	}
	var p50, p99 pair
	for b.Loop() {
		parley, bare := compareReceipts(b, database, members, bareTarget)
		bareTarget.LastID += receiptWarmUp + receiptMessages
		p50.add(parley.quantile(.5), bare.quantile(.5))
		p99.add(parley.quantile(.99), bare.quantile(.99))
	}
	p50.report(b, "parley-p50-ms", "bare-p50-ms", "p50-ratio")
	p99.report(b, "parley-p99-ms", "bare-p99-ms", "p99-ratio")
	t.addWithGoal("p50 "+figure, p50, "bare commit and loop", milliseconds, atMost(1.3, 1.1))
	t.addWithGoal("p99 "+figure, p99, "bare commit and loop", milliseconds, atMost(1.3, 1.1))
}

// compareReceipts sends to both sides at the same rate. Each send to one side is in the middle between two sends to the
// other, so that a slow moment of the disk affects either side with the same probability.
func compareReceipts(b *testing.B, database string, members chat, bareTarget bareChat) (parley, bare series) {
	b.Helper()
	one := newReceiptSide(b, startParley(b, database), members)
	defer one.end()
	one.warmUp()
	frames := one.streams.messageFrames()

	h := startBareServer(b)
	body, err := json.Marshal(bareTarget)
	if err != nil {
		b.Fatal(err)
	}
	h.call("PUT", "/chat", body)
	h.call("PUT", "/pieces?together=1", frames[len(frames)-1])
	other := newReceiptSide(b, h, chat{roomID: bareTarget.RoomID, members: []*harness.Client{{}}})
	defer other.end()
	other.warmUp()

	runtime.GC()
	begin := time.Now().Add(receiptEvery)
	var sending sync.WaitGroup
	sending.Go(func() { one.send(begin, receiptMessages) })
	sending.Go(func() { other.send(begin.Add(receiptEvery/2), receiptMessages) })
	sending.Wait()
	return one.receipts(), other.receipts()
}

// receiptSide is a server with one sender and many receiving streams.
type receiptSide struct {
	host    *host
	sender  *sender
	streams *streamGroup
	starts  []time.Time // of the sends
	err     error
}

func newReceiptSide(b *testing.B, h *host, c chat) *receiptSide {
	b.Helper()
	return &receiptSide{
		host: h, sender: newSenders(b, h.url, c, 1, sendCharacters)[0], streams: openStreams(b, h.url, c, receiptStreams),
	}
}

// warmUp sends messages that are not measured.
func (r *receiptSide) warmUp() {
	r.send(time.Now(), receiptWarmUp)
	r.await(receiptWarmUp)
	r.streams.startTiming()
}

func (r *receiptSide) send(begin time.Time, n int) {
	r.starts = nil
	runPaced(begin, n, receiptEvery, func(_ int, start time.Time) {
		r.starts = append(r.starts, start)
		r.err = errors.Join(r.err, r.sender.send())
	})
}

func (r *receiptSide) await(n int64) {
	r.host.b.Helper()
	if r.err != nil {
		r.host.b.Fatal(r.err)
	}
	r.streams.await(n)
}

// receipts returns how long each message took to arrive at each stream, in milliseconds.
func (r *receiptSide) receipts() series {
	r.await(receiptMessages)
	var took series
	for _, e := range r.streams.sockets {
		for i, at := range e.arrivals {
			took = append(took, float64(at.Sub(r.starts[i]))/float64(time.Millisecond))
		}
	}
	return took
}

func (r *receiptSide) end() {
	r.streams.close()
	_ = r.sender.conn.Close()
	r.host.stop()
}
