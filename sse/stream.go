package sse

import (
	"net"
	"sync"
	"time"
)

const (
	// queueFrames and queueBytes limit what waits for the next flush of an attached stream; blockedQueueBytes limits what
	// waits while its socket is full. Beyond these limits the stream continues with a replay. All streams share the
	// frames; only the slice of them is the stream's own.
	queueFrames       = 256
	queueBytes        = 256 << 10
	blockedQueueBytes = 64 << 10
	// ephemeralFrames limits the queue for frames that are not in the log (presence, typing) while the socket is full.
	ephemeralFrames = 64
	// writeSize is the size of one write to a socket that is full, and so the memory that a stream holds for a peer that
	// reads nothing. It is small so that progress is noticed.
	writeSize = 16 << 10
	// lastFrameTimeout limits how long a stream that ends waits for its peer to take the last event.
	lastFrameTimeout = 5 * time.Second
)

// Stream is the connection of one client.
type Stream struct {
	hub           *Hub
	id            string
	heartbeatSlot uint64 // selects the second of each round in which it gets its heartbeat
	userID        int64
	sessionID     string
	openPosition  int64 // the newest event when it opened; it must not get anything that was deleted before
	conn          net.Conn
	socket        socket

	// Owned by Hub.mu.
	attached       bool
	pushedPosition int64 // of the newest event that was queued while attached
	mutes          mutes // set by attach; before it, read once the stream is present in a room
	rooms          roomStates

	mu           sync.Mutex
	queueHead    []byte // queueHead, then queueTail; most of the time there is one slice or none
	queueTail    [][]byte
	queueSize    int       // bytes of both
	writing      bool      // a goroutine writes to the socket, and looks at the queue again before it stops
	replaying    bool      // the stream reads the log itself
	replayedTo   int64     // position up to which it has done so
	cancelReplay func()    // interrupts a replay that waits; nil without one
	lastFrame    []byte    // the stream ends after this frame
	ended        bool      // set by markEnded alone; nothing is queued any more
	blocked      bool      // a write waits for the socket
	unackedBytes int       // bytes that the peer had not acknowledged at the last check
	lastProgress time.Time // when the socket last took something, while blocked
}

// enqueueResult says what happened to a frame.
type enqueueResult int

const (
	needsFlush  enqueueResult = iota // queued, and the stream has to be flushed
	accepted                         // queued, and a writer or a pending flush will send it
	queueFull                        // not queued
	streamEnded                      // not queued, because the stream has ended
)

// enqueue queues a frame that is not in the log, if there is room for it.
func (s *Stream) enqueue(frame []byte) enqueueResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing && len(s.queueTail) >= ephemeralFrames {
		return queueFull
	}
	return s.appendFrame(frame)
}

// enqueueBatch queues frames of the log that begin at position. Without room for them, the stream starts to replay
// there. That is decided under one lock, because the writer stops when the queue is empty and nothing has to be
// replayed.
func (s *Stream) enqueueBatch(frames []byte, position int64) enqueueResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.appendFrame(frames)
	if o == queueFull {
		s.replaying, s.replayedTo = true, position-1
	}
	return o
}

// appendFrame appends to the queue. s.mu is held. If it returns queueFull, a goroutine is writing to the socket.
func (s *Stream) appendFrame(frame []byte) enqueueResult {
	if s.ended || s.lastFrame != nil {
		return streamEnded
	}
	if s.isQueueFull(frame) && !s.writing {
		s.tryFlush(nil) // many events at once: the socket may have room for those already queued
	}
	switch {
	case s.ended:
		return streamEnded
	case s.isQueueFull(frame):
		return queueFull
	}
	if s.queueSize == 0 {
		s.queueHead, s.queueSize = frame, len(frame)
		if s.writing {
			return accepted // the writer sends it
		}
		return needsFlush
	}
	s.queueTail = append(s.queueTail, frame)
	s.queueSize += len(frame)
	return accepted // the writer sends it, or the flush that the first frame in the queue has requested
}

func (s *Stream) isQueueFull(frame []byte) bool {
	limit := queueBytes
	if s.writing {
		limit = blockedQueueBytes
	}
	return len(s.queueTail) >= queueFrames-1 || s.queueSize > 0 && s.queueSize+len(frame) > limit
}

// flush writes what is queued in one write, without waiting, and starts the stream's writer if it has to replay. j may
// be nil.
func (s *Stream) flush(j *joiner) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.writing && !s.ended {
		s.tryFlush(j)
	}
}

// tryFlush writes what is queued without waiting. The stream's writer sends what the socket does not take. s.mu is
// held, and nobody else writes to the socket.
func (s *Stream) tryFlush(j *joiner) {
	if s.queueSize > 0 {
		n, err := s.socket.tryWrite(j.join(s.queueHead, s.queueTail, s.queueSize))
		if err != nil {
			s.markEnded()
			return
		}
		s.discard(n)
	}
	if s.queueSize > 0 || s.replaying || s.lastFrame != nil {
		s.startWriter(nil)
	}
}

// startWriter starts the stream's writer goroutine, which sends rest first. s.mu is held.
func (s *Stream) startWriter(rest []byte) {
	s.writing = true
	s.hub.goroutines.Go(func() { s.runWriter(rest) })
}

// discard removes n bytes from the front of the queue without copying the rest. s.mu is held.
func (s *Stream) discard(n int) {
	s.queueSize -= n
	if s.queueSize == 0 {
		s.queueHead, s.queueTail = nil, nil
		return
	}
	done := 0
	for n >= len(s.queueHead) {
		n -= len(s.queueHead)
		s.queueHead = s.queueTail[done]
		done++
	}
	s.queueHead = s.queueHead[n:]
	clear(s.queueTail[:done])
	s.queueTail = s.queueTail[done:]
}

// takeWrite removes one write from the front of the queue: several small slices as a copy, or one of any size. It
// returns nil if the queue is empty. s.mu is held.
func (s *Stream) takeWrite() []byte {
	b := s.queueHead
	if len(s.queueTail) > 0 && len(b)+len(s.queueTail[0]) <= writeSize {
		b = append(make([]byte, 0, min(s.queueSize, writeSize)), b...)
		for _, frames := range s.queueTail {
			if len(b)+len(frames) > writeSize {
				break
			}
			b = append(b, frames...)
		}
	}
	s.discard(len(b))
	return b
}

// runWriter writes until the queue is empty, replays when the stream is behind, and ends the stream after its last
// frame.
func (s *Stream) runWriter(rest []byte) {
	for {
		if len(rest) > 0 {
			if err := s.write(rest); err != nil {
				s.hub.endStream(s)
				return
			}
		}
		s.mu.Lock()
		rest = s.takeWrite()
		switch {
		case s.ended:
			s.mu.Unlock()
			return
		case len(rest) > 0:
			s.mu.Unlock()
		case s.lastFrame != nil:
			last := s.lastFrame
			s.mu.Unlock()
			_ = s.write(last) // the stream ends in any case
			s.hub.endStream(s)
			return
		case s.replaying:
			s.mu.Unlock()
			newReplay(s).run()
		default:
			s.writing = false
			s.mu.Unlock()
			return
		}
	}
}

// write sends b in parts of writeSize and waits as long as that takes. CheckStreams closes a stream whose peer takes
// nothing.
func (s *Stream) write(b []byte) error {
	for len(b) > 0 {
		s.setBlocked(true)
		n, err := s.conn.Write(b[:min(len(b), writeSize)])
		s.setBlocked(false)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// setBlocked records for CheckStreams that a write begins or has ended.
func (s *Stream) setBlocked(sending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked, s.lastProgress = sending, time.Now()
}

// replayFrom makes the stream replay the log from position on.
func (s *Stream) replayFrom(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replaying, s.replayedTo = true, position
}

// replayPosition returns up to where the stream has replayed the log, and whether it still does.
func (s *Stream) replayPosition() (position int64, active bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replayedTo, s.replaying && !s.ended
}

// setReplayedTo records that the log has been replayed up to position.
func (s *Stream) setReplayedTo(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replayedTo = max(s.replayedTo, position)
}

// endReplay ends the replay: the hub delivers events from here on.
func (s *Stream) endReplay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replaying = false
}

// takeQueue removes and returns all that is queued.
func (s *Stream) takeQueue() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var none *joiner
	b := none.join(s.queueHead, s.queueTail, s.queueSize)
	s.discard(len(b))
	return b
}

// tryWrite writes as much of b as the socket takes at once. The caller is the writer.
func (s *Stream) tryWrite(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	return s.socket.tryWrite(b)
}

func (s *Stream) hasEnded() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended || s.lastFrame != nil
}
