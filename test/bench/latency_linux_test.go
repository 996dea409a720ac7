package bench

import (
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

const (
	// receiptTurns are how often each side sends in a round, in turn with the other, so that a slow moment of the machine
	// does not concern one of them alone. receiptWarmUp messages to each room precede them, which are not measured.
	receiptTurns  = 3
	receiptTime   = 2 * time.Second // of one turn
	receiptWarmUp = 5
)

// receiptCase is one comparison of the time from the start of a send to the message's arrival.
type receiptCase struct {
	streams, rooms int // as many streams in each room
	rate           int // sends per second, to each room in turn

	p50, p99 goal
}

// benchReceipts measures the time from the start of a send to the message's arrival at each of many streams. It
// compares it with a handler that commits the same rows to the same kind of database, one message at a time, writes the
// same frame to as many sockets in a loop, and responds.
func benchReceipts(b *testing.B, t *table) {
	b.Helper()
	for _, c := range []receiptCase{
		{1000, 1, 20, atMost(1.3, 1.1), atMost(1.3, 1.1)},
		{1000, 1, 100, atMost(1.5, 1.1), goal{}},
		{9000, 10, 100, goal{}, goal{"at most 60 ms", "at most 30 ms"}},
	} {
		b.Run(fmt.Sprintf("streams=%d/rate=%d", c.streams, c.rate), func(b *testing.B) {
			if missing := missingFiles(b, 2*c.streams+1000); missing != "" {
				t.addMissing("p50 and p99 of the time from send to receipt, "+c.String(), missing)
				b.Skip(missing)
			}
			c.compare(b, t)
		})
	}
}

func (c receiptCase) String() string {
	rooms := ""
	if c.rooms > 1 {
		rooms = fmt.Sprintf(" in %d rooms", c.rooms)
	}
	return fmt.Sprintf("%d sends per second to %s streams%s", c.rate, whole(float64(c.streams)), rooms)
}

func (c receiptCase) compare(b *testing.B, t *table) {
	b.Helper()
	database, bareTarget := harness.NewSQLite(b), bareChat{Database: harness.NewSQLite(b)}
	rooms := newChatsIn(b, database, c.rooms, deliverMembers)
	others := newChatIn(b, bareTarget.Database, deliverMembers)
	bareTarget.RoomID = others.roomID
	for _, m := range others.members {
		bareTarget.Members = append(bareTarget.Members, m.Session)
	}
	var p50, p99 pair
	for b.Loop() {
		parley, bare := c.measure(b, database, rooms, &bareTarget)
		p50.add(parley.quantile(.5), bare.quantile(.5))
		p99.add(parley.quantile(.99), bare.quantile(.99))
	}
	p50.report(b, "parley-p50-ms", "bare-p50-ms", "p50-ratio")
	p99.report(b, "parley-p99-ms", "bare-p99-ms", "p99-ratio")
	t.addWithGoal("p50 of the time from send to receipt, "+c.String(), p50, "bare commit and loop", milliseconds, c.p50)
	t.addWithGoal("p99 of the time from send to receipt, "+c.String(), p99, "bare commit and loop", milliseconds, c.p99)
}

// measure sends to both sides in turns, each at the same rate.
func (c receiptCase) measure(b *testing.B, database string, rooms []chat, target *bareChat) (parley, bare series) {
	b.Helper()
	one := c.newSide(b, startParley(b, database), rooms)
	defer one.end()
	one.warmUp()
	frames := one.streams.messageFrames()

	h := startBareServer(b)
	body, err := json.Marshal(target)
	if err != nil {
		b.Fatal(err)
	}
	h.call("PUT", "/chat", body)
	h.call("PUT", "/pieces?together=1", frames[len(frames)-1])
	bareRooms := make([]chat, c.rooms)
	for i := range bareRooms {
		bareRooms[i] = chat{roomID: int64(i + 1), members: []*harness.Client{{}}}
	}
	other := c.newSide(b, h, bareRooms)
	defer other.end()
	other.warmUp()
	for range receiptTurns {
		one.measureTurn()
		other.measureTurn()
	}
	target.LastID += int64(other.sent)
	return one.receipts(), other.receipts()
}

// receiptSide is a server with a sender for each room and many receiving streams.
type receiptSide struct {
	receiptCase

	host    *host
	senders []*sender // by room
	streams *streamGroup
	starts  [][]time.Time // by room, of the sends that are measured
	sent    int           // all messages
	err     error
}

func (c receiptCase) newSide(b *testing.B, h *host, rooms []chat) *receiptSide {
	b.Helper()
	r := &receiptSide{receiptCase: c, host: h, streams: openStreamsIn(b, h.url, rooms, c.streams)}
	for _, room := range rooms {
		r.senders = append(r.senders, newSenders(b, h.url, room, 1, sendCharacters)...)
	}
	return r
}

// warmUp sends messages that are not measured.
func (r *receiptSide) warmUp() {
	r.send(receiptWarmUp * r.rooms)
	r.starts = make([][]time.Time, r.rooms)
	r.streams.startTiming()
}

func (r *receiptSide) measureTurn() {
	runtime.GC()
	r.send(int(receiptTime.Seconds()) * r.rate)
}

// send sends n messages at the rate, and waits until all streams have those of their room.
func (r *receiptSide) send(n int) {
	r.host.b.Helper()
	starts := make([][]time.Time, r.rooms)
	runPaced(time.Now(), n, time.Second/time.Duration(r.rate), func(i int, start time.Time) {
		room := i % r.rooms
		starts[room] = append(starts[room], start)
		r.err = errors.Join(r.err, r.senders[room].send())
	})
	if r.err != nil {
		r.host.b.Fatal(r.err)
	}
	r.streams.await(int64(n / r.rooms))
	r.sent += n
	for room := range r.starts {
		r.starts[room] = append(r.starts[room], starts[room]...)
	}
}

// receipts returns how long each message took to arrive at each stream of its room, in milliseconds.
func (r *receiptSide) receipts() series {
	var took series
	for i, e := range r.streams.sockets {
		for n, at := range e.arrivals {
			took = append(took, float64(at.Sub(r.starts[i%r.rooms][n]))/float64(time.Millisecond))
		}
	}
	return took
}

func (r *receiptSide) end() {
	r.streams.close()
	closeSenders(slices.Clone(r.senders))
	r.host.stop()
}
