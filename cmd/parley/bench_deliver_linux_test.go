package main

import (
	"bytes"
	"fmt"
	"net"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// deliveries is how many each side of a round makes; the bare loop makes barePasses times as many, so that it takes
	// long enough to be measured.
	deliveries = 2_000_000
	barePasses = 2
	// openers is how many streams are opened at a time.
	openers = 16
)

// benchDeliver measures how many messages per second reach the streams of one room, each committed before, with 32 sends
// under way at any time, beside a loop that writes the same bytes to as many sockets, as many messages in a write as came
// in one piece from Parley.
func benchDeliver(b *testing.B, t *table) {
	for _, streams := range []int{1000, 5000} {
		b.Run(fmt.Sprintf("streams=%d", streams), func(b *testing.B) {
			figure := fmt.Sprintf("deliveries per second to %s streams of one room", whole(float64(streams)))
			if missing := lacksFiles(b, 2*streams+1000); missing != "" {
				t.lack(figure, missing)
				b.Skip(missing)
			}
			database := newSQLite(b)
			c := newChatIn(b, database, max(streams/models.MaxStreamsPerUser, manySenders))
			var rates pair
			var together series
			for b.Loop() {
				d := deliver(b, database, c, streams)
				rates.add(d.rate, writeBare(b, d, streams))
				together = append(together, d.together)
			}
			rates.report(b, "parley-deliveries/s", "bare-deliveries/s", "parley/bare")
			b.ReportMetric(together.median(), "msgs/write")
			t.add(figure, rates, fmt.Sprintf("bare loop, %.1f in a write", together.median()), whole)
		})
	}
}

// lacksFiles tells why a process may not open n files, or nothing. Go has raised the limit as far as it may.
func lacksFiles(b *testing.B, n int) string {
	b.Helper()
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		b.Fatal(err)
	}
	if limit.Cur >= uint64(n) {
		return ""
	}
	return fmt.Sprintf("needs %d open files, the limit (ulimit -Hn) is %d", n, limit.Cur)
}

// delivered is what became of the messages of one round.
type delivered struct {
	rate     float64 // deliveries per second
	together float64 // messages that came in one piece, in the mean
	frames   [][]byte
}

// deliver has messages sent to a room that all streams are in. The server is started for it, and stopped after it, so
// that the bare loop has the machine, and the open files, for itself.
func deliver(b *testing.B, database string, c chat, streams int) delivered {
	b.Helper()
	s := startServer(b, database, "--rate-limit", "off")
	defer s.halt()
	listening := openStreams(b, s.url, c, streams)
	defer listening.close()
	senders := newSenders(b, s.url, c, manySenders, sendCharacters)
	// The streams have been caught up to the present by the time they have these.
	listening.expect(2 * manySenders)
	sendMessages(b, senders, 2*manySenders)
	listening.await()

	messages := deliveries / streams
	runtime.GC()
	listening.expect(messages)
	start := time.Now()
	sendMessages(b, senders, messages)
	listening.await()
	return delivered{
		rate: float64(messages*streams) / time.Since(start).Seconds(), together: listening.perRead(),
		frames: messageFrames(b, listening.ears[0].kept, messages),
	}
}

// messageFrames cuts out what came on a stream for the last n messages, without the heartbeats.
func messageFrames(b *testing.B, kept []byte, n int) [][]byte {
	b.Helper()
	var frames [][]byte
	for frame := range bytes.SplitAfterSeq(kept, []byte("\n\n")) {
		if bytes.IndexByte(frame, marker) >= 0 {
			frames = append(frames, bytes.Clone(frame))
		}
	}
	if len(frames) < n {
		b.Fatalf("a stream got %d frames of %d messages", len(frames), n)
	}
	return frames[len(frames)-n:]
}

// openStreams opens the members' streams, as many as a user may have.
func openStreams(b *testing.B, url string, c chat, n int) *crowd {
	b.Helper()
	conns := make([]net.Conn, n)
	next := make(chan int)
	var opening sync.WaitGroup
	for range openers {
		opening.Go(func() {
			for i := range next {
				var err error
				if conns[i], err = openRaw(b.Context(), url, c, c.members[i/models.MaxStreamsPerUser], ""); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	opening.Wait()
	if b.Failed() {
		b.FailNow()
	}
	return newCrowd(b, conns)
}

// writeBare writes the frames of d to so many sockets, those that came together in one write for each socket.
func writeBare(b *testing.B, d delivered, sockets int) (rate float64) {
	b.Helper()
	conns, listening := connect(b, sockets)
	defer listening.close()
	defer closeAll(conns)
	pieces := d.pieces()
	listening.expect(len(d.frames))
	writeAll(b, conns, pieces) // not measured: new sockets are slower
	listening.await()

	runtime.GC()
	listening.expect(barePasses * len(d.frames))
	start := time.Now()
	for range barePasses {
		writeAll(b, conns, pieces)
	}
	listening.await()
	return float64(barePasses*len(d.frames)*sockets) / time.Since(start).Seconds()
}

func writeAll(b *testing.B, conns []net.Conn, pieces [][]byte) {
	b.Helper()
	for _, piece := range pieces {
		for _, conn := range conns {
			if _, err := conn.Write(piece); err != nil {
				b.Fatal(err)
			}
		}
	}
}

// pieces puts the frames together as they came, in the mean.
func (d delivered) pieces() [][]byte {
	pieces := make([][]byte, 1+int(float64(len(d.frames)-1)/d.together))
	for i, frame := range d.frames {
		n := int(float64(i) / d.together)
		pieces[n] = append(pieces[n], frame...)
	}
	return pieces
}

// connect makes so many connections, and answers their one ends, and the crowd that reads at the other.
func connect(b *testing.B, n int) (conns []net.Conn, listening *crowd) {
	b.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = listener.Close() }()
	var peers []net.Conn
	for range n {
		peer, err := net.Dial("tcp", listener.Addr().String())
		if err != nil {
			b.Fatal(err)
		}
		conn, err := listener.Accept()
		if err != nil {
			b.Fatal(err)
		}
		peers, conns = append(peers, peer), append(conns, conn)
	}
	return conns, newCrowd(b, peers)
}

func closeAll(conns []net.Conn) {
	for _, conn := range conns {
		_ = conn.Close()
	}
}
