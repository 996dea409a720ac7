package bench

import (
	"fmt"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parley-chat/parley/test/harness"
)

const (
	// The streams of this comparison are not read while a round of coresMessages is measured, so that the server has all
	// cores for itself: a round fits into the buffers of a socket. One more stream is read, to know when a round is over.
	coresStreams  = 8000
	coresSenders  = 64
	coresMessages = 100
	coresRounds   = 10
	coresBuffer   = 256 << 10 // of a socket, in bytes
)

// benchCores measures how many messages per second reach the sockets of a room's streams if the server may use all
// cores, and compares it with the same server on one core.
func benchCores(b *testing.B, t *table) {
	figure := fmt.Sprintf("deliveries per second on %d cores, %s streams that are not read meanwhile, SQLite",
		runtime.NumCPU(), whole(coresStreams))
	missing := missingFiles(b, coresStreams+1000)
	if runtime.NumCPU() == 1 {
		missing = "needs more than one core"
	}
	if missing != "" {
		t.addMissing(figure, missing)
		b.Skip(missing)
	}
	database := harness.NewSQLite(b)
	c := newChatIn(b, database, deliverMembers)
	var rates pair
	for b.Loop() {
		rates.add(deliverOn(b, database, c, runtime.NumCPU()), deliverOn(b, database, c, 1))
	}
	rates.report(b, "all-cores-deliveries/s", "one-core-deliveries/s", "all/one")
	t.addWithGoal(figure, rates, "on one core", whole, atLeast(1.5, 1.8))
}

// deliverOn measures deliveries per second with a server that uses a number of cores.
func deliverOn(b *testing.B, database string, c chat, cores int) float64 {
	b.Helper()
	h := startParley(b, database, fmt.Sprint("GOMAXPROCS=", cores))
	defer h.stop()
	senders := newSenders(b, h.url, c, coresSenders, sendCharacters)
	defer closeSenders(senders)
	reference := openStreams(b, h.url, c, 1)
	defer reference.close()
	unread := openUnread(b, h.url, c, coresStreams)
	defer unread.close()
	var took time.Duration
	for round := range coresRounds + 1 {
		runtime.GC()
		before := len(reference.sockets[0].recorded)
		start := time.Now()
		sendMessages(b, senders, coresMessages)
		reference.await(coresMessages)
		unread.await(len(reference.sockets[0].recorded) - before)
		if round > 0 { // the first one is a warm-up
			took += time.Since(start)
		}
		unread.drain()
	}
	return coresStreams * coresMessages * coresRounds / took.Seconds()
}

// unreadStreams are sockets that nobody reads until they are drained.
type unreadStreams struct {
	b       *testing.B
	sockets []int
}

func openUnread(b *testing.B, url string, c chat, n int) *unreadStreams {
	b.Helper()
	u := &unreadStreams{b: b}
	for i := range n {
		conn, err := openRaw(b.Context(), url, c, c.members[i%len(c.members)], "")
		if err != nil {
			b.Fatal(err)
		}
		fd, err := takeOver(conn)
		if err == nil {
			err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, coresBuffer)
		}
		if err != nil {
			b.Fatal(err)
		}
		u.sockets = append(u.sockets, fd)
	}
	return u
}

// await waits until at least size bytes have arrived at each socket.
func (u *unreadStreams) await(size int) {
	u.b.Helper()
	tick := time.NewTicker(200 * time.Microsecond)
	defer tick.Stop()
	late := time.After(time.Minute)
	for _, fd := range u.sockets {
		for {
			n, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
			if err != nil {
				u.b.Fatal(err)
			}
			if n >= size {
				break
			}
			select {
			case <-tick.C:
			case <-late:
				u.b.Fatalf("a socket has %d bytes, want %d", n, size)
			}
		}
	}
}

// drain reads what has arrived.
func (u *unreadStreams) drain() {
	u.b.Helper()
	buffer := make([]byte, coresBuffer)
	for _, fd := range u.sockets {
		if _, _, err := unix.Recvfrom(fd, buffer, unix.MSG_DONTWAIT); err != nil {
			u.b.Fatal(err)
		}
	}
}

func (u *unreadStreams) close() {
	for _, fd := range u.sockets {
		_ = unix.Close(fd)
	}
}
