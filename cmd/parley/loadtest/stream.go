package loadtest

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

const (
	// A stream's buffer starts with firstBuffer bytes and doubles whenever a read fills it, up to usualBuffer. It grows
	// beyond only for a larger event, up to largestBuffer.
	firstBuffer   = 2 << 10
	usualBuffer   = 16 << 10
	largestBuffer = 1 << 20
	// streamSilence is how long a stream may be silent before it counts as broken: the server sends something every 20
	// seconds.
	streamSilence = time.Minute
)

// listenerGroup is a group of streams that share a histogram and a lock. One histogram for each stream would take too
// much memory, and with one for all streams their readers would wait for each other.
type listenerGroup struct {
	mu      sync.Mutex
	arrival *hdrhistogram.Histogram // of messages due during the measurement
	arrivals
}

// arrivals counts what arrived.
type arrivals struct {
	deliveries int64 // without duplicates
	measured   int64 // of messages due during the measurement
	timely     int64 // arrived during the measurement
	doubled    int64 // duplicates
}

// eventStream is an event stream in one room. Only its reader uses it, except for seen, which the group's lock
// protects.
type eventStream struct {
	run    *run
	room   *room
	node   *remote.Client
	user   int // its index among the run's guests
	guest  *remote.Guest
	group  *listenerGroup
	seen   numberSet // under the group's lock
	broken atomic.Bool

	lean   *leanStream
	armed  time.Duration // when the read deadline of the connection was last set
	lastID []byte
	buffer []byte
	held   int // bytes in buffer: the start of an incomplete event
}

// open opens the stream, or resumes it after the last event.
func (s *eventStream) open(ctx context.Context) error {
	return s.guest.WithToken(ctx, func(token string) (err error) {
		s.lean, err = openLean(ctx, s.node, fmt.Sprintf("room=%d", s.room.id), token, string(s.lastID))
		s.held, s.armed = 0, 0
		return err
	})
}

// start opens the stream for the first time and returns when it has received ready: every message that is sent after
// that must arrive.
func (s *eventStream) start(ctx context.Context) error {
	s.buffer = make([]byte, firstBuffer)
	if err := s.open(ctx); err != nil {
		return err
	}
	for len(s.lastID) == 0 { // ready has an id
		if err := s.read(); err != nil {
			s.lean.close()
			return remote.LostError{Err: err}
		}
	}
	return nil
}

// follow reads the started stream until ctx ends. It reconnects whenever the stream breaks.
func (s *eventStream) follow(ctx context.Context) {
	for {
		var err error
		for err == nil {
			err = s.read()
		}
		s.lean.close()
		if ctx.Err() != nil {
			return
		}
		s.broken.Store(true)
		s.run.counts.breaks.Add(1)
		if s.reconnect(ctx) != nil {
			return
		}
		s.broken.Store(false)
		s.run.counts.returns.Add(1)
	}
}

// reconnect tries to resume the stream until that works or ctx ends.
func (s *eventStream) reconnect(ctx context.Context) error {
	err := error(nil)
	for pause := remote.MinRetryPause; ; pause = min(2*pause, remote.MaxRetryPause) {
		if err := remote.Wait(ctx, max(pause/2+rand.N(pause), remote.RetryAfter(err))); err != nil {
			return err
		}
		if err = s.open(ctx); err == nil {
			return nil
		}
		if ctx.Err() == nil {
			s.run.errors.add("stream", err)
		}
	}
}

// read reads from the connection once and takes the complete events.
func (s *eventStream) read() error {
	if s.held == len(s.buffer) {
		if s.held >= largestBuffer {
			return fmt.Errorf("an event is larger than %d bytes", s.held)
		}
		s.grow()
	}
	now := s.run.now()
	if now-s.armed > streamSilence/4 || s.armed == 0 { // not at each read, to save CPU time
		if err := s.lean.conn.SetReadDeadline(time.Now().Add(streamSilence)); err != nil {
			return err
		}
		s.armed = now
	}
	n, err := s.lean.body.Read(s.buffer[s.held:])
	now = s.run.now()
	s.held += n
	filled := s.held == len(s.buffer)
	if whole := wholeEvents(s.buffer[:s.held]); whole > 0 {
		s.take(s.buffer[:whole], now)
		s.held = copy(s.buffer, s.buffer[whole:s.held])
	}
	if filled && len(s.buffer) < usualBuffer {
		s.grow()
	}
	return err
}

func (s *eventStream) grow() {
	larger := make([]byte, 2*len(s.buffer))
	copy(larger, s.buffer[:s.held])
	s.buffer = larger
}

// wholeEvents returns how many bytes at the start of b are complete events.
func wholeEvents(b []byte) int {
	end := []byte("\n\n")
	if bytes.HasSuffix(b, end) { // nearly always
		return len(b)
	}
	if at := bytes.LastIndex(b, end); at >= 0 {
		return at + len(end)
	}
	return 0
}

// take counts the messages in complete events that have just arrived.
func (s *eventStream) take(events []byte, now time.Duration) {
	s.noteID(events)
	m, rest, found := nextMark(events, s.run.marker)
	if !found {
		return
	}
	from, to := s.run.window()
	g := s.group
	g.mu.Lock()
	defer g.mu.Unlock()
	for ; found; m, rest, found = nextMark(rest, s.run.marker) {
		if !s.seen.add(m.number) {
			g.doubled++
			continue
		}
		g.deliveries++
		if m.due >= from {
			g.measured++
			recordLatency(g.arrival, now-m.due)
		}
		if now >= from && now < to {
			g.timely++
		}
	}
}

// noteID keeps the last event id, to resume with. It searches forward, event by event, which is much faster than
// backward.
func (s *eventStream) noteID(events []byte) {
	field, between := []byte("id: "), []byte("\n\nid: ")
	var last []byte
	if bytes.HasPrefix(events, field) {
		last = events
	}
	for next := bytes.Index(events, between); next >= 0; next = bytes.Index(events, between) {
		events = events[next+len("\n\n"):]
		last = events
	}
	if last != nil {
		id, _, _ := bytes.Cut(last[len(field):], []byte("\n"))
		s.lastID = append(s.lastID[:0], id...)
	}
}
