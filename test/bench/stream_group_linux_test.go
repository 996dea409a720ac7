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

// crowd reads many sockets as cheaply as can be, so that the machine is left to those who write to them: a goroutine
// for each core asks the kernel which of its sockets have something, reads it into the one buffer that it has, and
// counts the messages by their marker.
type crowd struct {
	b       *testing.B
	ears    []*ear
	polls   []*os.File
	reading sync.WaitGroup

	timing  atomic.Bool  // whether to note when things came
	reads   atomic.Int64 // that brought messages
	got     atomic.Int64 // messages, over all sockets
	wanted  atomic.Int64
	reached chan struct{} // yields when got has come to wanted, and at times without need
	failed  chan error    // holds the first failure

	// The benchmark's own.
	each                   int64 // messages that have come on each socket
	readsBefore, gotBefore int64 // at its mark
}

// keepers is how many sockets keep all that came: enough to look at what it was, few enough to cost nothing.
const keepers = 8

// ear is one socket. Its reader alone writes here; what was awaited can be read.
type ear struct {
	fd    int
	got   int64
	keeps bool
	kept  []byte      // all that came
	came  []time.Time // when each message did

	beats   int // heartbeats, those that came alone
	heard   time.Time
	silence time.Duration // the longest before something came
}

// newCrowd takes the connections over and reads them until close.
func newCrowd(b *testing.B, conns []net.Conn) *crowd {
	b.Helper()
	c := &crowd{b: b, reached: make(chan struct{}, 1), failed: make(chan error, 1)}
	c.wanted.Store(math.MaxInt64)
	for i, conn := range conns {
		fd, err := takeOver(conn)
		if err != nil {
			b.Fatal(err)
		}
		c.ears = append(c.ears, &ear{fd: fd, keeps: i < keepers})
	}
	readers := runtime.GOMAXPROCS(0)
	for first := range readers {
		fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
		if err != nil {
			b.Fatal(err)
		}
		for i := first; i < len(c.ears); i += readers {
			err := unix.EpollCtl(fd, unix.EPOLL_CTL_ADD, c.ears[i].fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(i)})
			if err != nil {
				b.Fatal(err)
			}
		}
		// Not blocking, so that the runtime waits for it as it does for a socket, and no thread is held meanwhile.
		if err := unix.SetNonblock(fd, true); err != nil {
			b.Fatal(err)
		}
		poll := os.NewFile(uintptr(fd), "epoll")
		c.polls = append(c.polls, poll)
		c.reading.Go(func() { c.read(poll) })
	}
	return c
}

// takeOver gets a connection's socket away from the runtime, which would otherwise be woken by it too.
func takeOver(conn net.Conn) (fd int, err error) {
	raw, err := conn.(*net.TCPConn).SyscallConn()
	if err != nil {
		return 0, err
	}
	err = raw.Control(func(old uintptr) { fd, err = unix.FcntlInt(old, unix.F_DUPFD_CLOEXEC, 0) })
	return fd, errors.Join(err, conn.Close())
}

// read is the goroutine of one poll; it ends when the poll is closed.
func (c *crowd) read(poll *os.File) {
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
			if err := c.take(c.ears[e.Fd], buffer); err != nil {
				c.fail(err)
				return
			}
		}
	}
}

// take reads once; what the buffer has no room for is reported again.
func (c *crowd) take(e *ear, buffer []byte) error {
	n, err := unix.Read(e.fd, buffer)
	switch {
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.EINTR):
		return nil
	case err != nil:
		return err
	case n == 0:
		return errors.New("a stream ended")
	}
	if e.keeps {
		e.kept = append(e.kept, buffer[:n]...)
	}
	messages := int64(bytes.Count(buffer[:n], []byte{marker}))
	if c.timing.Load() {
		e.note(messages, buffer[:n])
	}
	if messages == 0 {
		return nil
	}
	e.got += messages
	c.reads.Add(1)
	if got := c.got.Add(messages); got >= c.wanted.Load() {
		select {
		case c.reached <- struct{}{}:
		default:
		}
	}
	return nil
}

// note notes when what was read came.
func (e *ear) note(messages int64, read []byte) {
	now := time.Now()
	e.silence, e.heard = max(e.silence, now.Sub(e.heard)), now
	e.came = append(e.came, slices.Repeat([]time.Time{now}, int(messages))...)
	if messages == 0 {
		e.beats += bytes.Count(read, []byte(":\n\n"))
	}
}

func (c *crowd) fail(err error) {
	select {
	case c.failed <- err:
	default:
	}
}

// await waits until n more messages have come on each socket, and wants none to have got more or fewer than the others.
func (c *crowd) await(n int64) {
	c.b.Helper()
	c.each += n
	wanted := c.each * int64(len(c.ears))
	c.wanted.Store(wanted)
	late := time.After(harness.Timeout)
	for c.got.Load() < wanted {
		select {
		case <-c.reached:
		case err := <-c.failed:
			c.b.Fatal(err)
		case <-late:
			c.b.Fatalf("only %d of %d messages came", c.got.Load(), wanted)
		}
	}
	c.wanted.Store(math.MaxInt64)
	for i, e := range c.ears {
		if e.got != c.each {
			c.b.Fatalf("stream %d got %d messages of %d", i, e.got, c.each)
		}
	}
}

// time begins to note when things come. Nothing is on its way.
func (c *crowd) time() {
	for _, e := range c.ears {
		e.heard = time.Now()
	}
	c.timing.Store(true)
}

// mark is where perRead begins.
func (c *crowd) mark() { c.readsBefore, c.gotBefore = c.reads.Load(), c.got.Load() }

// perRead is how many of the messages since the mark came in one piece, in the mean.
func (c *crowd) perRead() float64 {
	return float64(c.got.Load()-c.gotBefore) / float64(c.reads.Load()-c.readsBefore)
}

// messageFrames are the frames of the messages that came on the first stream. Those that keep what came must each have
// got every message once, and in its order.
func (c *crowd) messageFrames() [][]byte {
	c.b.Helper()
	var frames [][]byte
	for i, e := range c.ears[:min(keepers, len(c.ears))] {
		var own [][]byte
		var last int64
		for frame := range bytes.SplitAfterSeq(e.kept, []byte("\n\n")) {
			if bytes.IndexByte(frame, marker) < 0 {
				continue
			}
			position := framePosition(frame)
			if position <= last {
				c.b.Fatalf("stream %d got %q after position %d", i, frame, last)
			}
			last, own = position, append(own, frame)
		}
		if int64(len(own)) != c.each {
			c.b.Fatalf("stream %d got %d frames of %d messages", i, len(own), c.each)
		}
		if i == 0 {
			frames = own
		}
	}
	return frames
}

// framePosition is the frame's place in the log, 0 if it has none.
func framePosition(frame []byte) int64 {
	id, _, _ := bytes.Cut(bytes.TrimPrefix(frame, []byte("id: ")), []byte("\n"))
	cursor, _ := models.ParseCursor(string(id))
	return cursor.Position
}

// close ends the reading, once.
func (c *crowd) close() {
	for _, poll := range c.polls {
		_ = poll.Close()
	}
	c.reading.Wait()
	for _, e := range c.ears {
		_ = unix.Close(e.fd)
	}
	c.polls, c.ears = nil, nil
}
