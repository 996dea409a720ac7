package bench

import (
	"bytes"
	"errors"
	"math"
	"net"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// streamGroup reads many sockets with as little CPU time as possible, which it would take from the server: a goroutine
// for each core asks the kernel which of its sockets have data, reads the data into one buffer, and counts the messages
// by their marker.
type streamGroup struct {
	b       *testing.B
	sockets []*socket
	polls   []*os.File
	reading sync.WaitGroup

	timing       atomic.Bool  // whether arrival times are recorded
	messageReads atomic.Int64 // reads that returned messages
	received     atomic.Int64 // messages, on all sockets together
	wanted       atomic.Int64
	reached      chan struct{} // signals that received may have reached wanted
	failed       chan error    // holds the first failure

	// Used only by the benchmark's goroutine.
	perSocket                   int64 // messages expected so far on each socket
	readsBefore, receivedBefore int64 // at startCounting
}

// recordedSockets is the number of sockets that record everything they receive: enough to check the content, and few
// enough to cost nothing.
const recordedSockets = 8

// socket is one socket. Only its reader's goroutine writes the fields; others may read them after await.
type socket struct {
	fd        int
	received  int64
	recording bool
	recorded  []byte      // everything received
	arrivals  []time.Time // time of each message

	heartbeats     int // received in a read without messages
	lastRead       time.Time
	longestSilence time.Duration // the longest time between two reads
}

// newStreamGroup takes the connections over and reads them until close.
func newStreamGroup(b *testing.B, conns []net.Conn) *streamGroup {
	b.Helper()
	c := &streamGroup{b: b, reached: make(chan struct{}, 1), failed: make(chan error, 1)}
	c.wanted.Store(math.MaxInt64)
	for i, conn := range conns {
		fd, err := takeOver(conn)
		if err != nil {
			b.Fatal(err)
		}
		c.sockets = append(c.sockets, &socket{fd: fd, recording: i < recordedSockets})
	}
	readers := runtime.GOMAXPROCS(0)
	for first := range readers {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			b.Fatal(err)
		}
		for i := first; i < len(c.sockets); i += readers {
			err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, c.sockets[i].fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
			if err != nil {
				b.Fatal(err)
			}
		}
		// Non-blocking, so that Go's runtime waits for it as for a socket, without a blocked thread.
		if err := unix.SetNonblock(fd, true); err != nil {
			b.Fatal(err)
		}
		poll := os.NewFile(uintptr(fd), "epoll")
		c.polls = append(c.polls, poll)
		c.reading.Go(func() { c.read(poll) })
	}
	return c
}

// takeOver takes a connection's socket away from Go's runtime, which would otherwise be woken by it too.
func takeOver(conn net.Conn) (fd int, err error) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, conn.Close())
}

// read is the goroutine of one poll; it ends when the poll is closed.
func (c *streamGroup) read(poll *os.File) {
	raw, err := poll.SyscallConn()
	if err != nil {
		c.fail(err)
		return
	}
	var ready [256]unix.EpollEvent
	buffer := make([]byte, 64<<10)
	for {
		n, failed := 0, error(nil)
		closed := raw.Read(func(fd uintptr) bool {
			n, failed = unix.EpollWait(int(fd), ready[:], 0)
			return n != 0
		})
		switch {
		case closed != nil:
			return
		case errors.Is(failed, syscall.EINTR):
			continue
		case failed != nil:
			c.fail(failed)
			return
		}
		for _, e := range ready[:n] {
			if err := c.readSocket(c.sockets[e.Fd], buffer); err != nil {
				c.fail(err)
				return
			}
		}
	}
}

// readSocket reads once; if the buffer is too small for all data, the kernel reports the socket again.
func (c *streamGroup) readSocket(e *socket, buffer []byte) error {
	n, err := unix.Read(e.fd, buffer)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return errors.New("a stream ended")
	}
	if e.recording {
		e.recorded = append(e.recorded, buffer[:n]...)
	}
	messages := int64(bytes.Count(buffer[:n], []byte{marker}))
	if c.timing.Load() {
		e.recordArrival(messages, buffer[:n])
	}
	if messages == 0 {
		return nil
	}
	e.received += messages
	c.messageReads.Add(1)
	if got := c.received.Add(messages); got >= c.wanted.Load() {
		select {
		case c.reached <- struct{}{}:
		default:
		}
	}
	return nil
}

// recordArrival records the time of a read.
func (e *socket) recordArrival(messages int64, read []byte) {
	now := time.Now()
	e.longestSilence, e.lastRead = max(e.longestSilence, now.Sub(e.lastRead)), now
	e.arrivals = append(e.arrivals, slices.Repeat([]time.Time{now}, int(messages))...)
	if messages == 0 {
		e.heartbeats += bytes.Count(read, []byte(":\n\n"))
	}
}

func (c *streamGroup) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// await waits until n more messages have arrived on each socket, and checks that no socket got more or fewer.
func (c *streamGroup) await(n int64) {
	c.b.Helper()
	c.perSocket += n
	wanted := c.perSocket * int64(len(c.sockets))
	c.wanted.Store(wanted)
	late := time.After(harness.Timeout)
	for c.received.Load() < wanted {
		select {
		case <-c.reached:
		case err := <-c.failed:
			c.b.Fatal(err)
		case <-late:
			c.b.Fatalf("got %d messages, want %d", c.received.Load(), wanted)
		}
	}
	c.wanted.Store(math.MaxInt64)
	for i, e := range c.sockets {
		if e.received != c.perSocket {
			c.b.Fatalf("stream %d got %d messages, want %d", i, e.received, c.perSocket)
		}
	}
}

// startTiming starts recording arrival times. No message may be in flight.
func (c *streamGroup) startTiming() {
	for _, e := range c.sockets {
		e.lastRead = time.Now()
	}
	c.timing.Store(true)
}

// startCounting sets the start of the period that messagesPerRead is about.
func (c *streamGroup) startCounting() {
	c.readsBefore, c.receivedBefore = c.messageReads.Load(), c.received.Load()
}

// messagesPerRead returns the mean number of messages in a read since startCounting.
func (c *streamGroup) messagesPerRead() float64 {
	return float64(c.received.Load()-c.receivedBefore) / float64(c.messageReads.Load()-c.readsBefore)
}

// messageFrames returns the frames of the messages that the first stream received. It checks that each recorded stream
// received every message once, and in order.
func (c *streamGroup) messageFrames() [][]byte {
	c.b.Helper()
	var frames [][]byte
	for i, e := range c.sockets[:min(recordedSockets, len(c.sockets))] {
		var own [][]byte
		var last int64
		for frame := range bytes.SplitAfterSeq(e.recorded, []byte("\n\n")) {
			if bytes.IndexByte(frame, marker) < 0 {
				continue
			}
			position := framePosition(frame)
			if position <= last {
				c.b.Fatalf("stream %d got %q after position %d", i, frame, last)
			}
			last, own = position, append(own, frame)
		}
		if int64(len(own)) != c.perSocket {
			c.b.Fatalf("stream %d got %d message frames, want %d", i, len(own), c.perSocket)
		}
		if i == 0 {
			frames = own
		}
	}
	return frames
}

// framePosition returns the frame's position in the log, 0 if it has none.
func framePosition(frame []byte) int64 {
	id, _, _ := bytes.Cut(bytes.TrimPrefix(frame, []byte("id: ")), []byte("\n"))
	cursor, _ := models.ParseCursor(string(id))
	return cursor.Position
}

// close stops reading and closes the sockets. It may be called more than once.
func (c *streamGroup) close() {
	for _, poll := range c.polls {
		_ = poll.Close()
	}
	c.reading.Wait()
	for _, e := range c.sockets {
		_ = unix.Close(e.fd)
	}
	c.polls, c.sockets = nil, nil
}
