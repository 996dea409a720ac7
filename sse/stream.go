package sse

import (
	"net"
	"sync"
	"time"
)

const (
	// queueLimit and queueBytes bound what waits for a live stream's next flush, and stalledBytes what waits while somebody is
	// at its socket, which has no room. Beyond, the stream reads the log itself. The frames are those of all streams; what is
	// one stream's own is a slice for each.
	queueFrames       = 256
	queueBytes        = 256 << 10
	blockedQueueBytes = 64 << 10
	// passingLimit bounds the frames that are not in the log (presence, typing) and wait while somebody is at the socket.
	ephemeralFrames = 64
	// writeSize is how much is made ready for a socket that has no room: what a stream whose peer takes nothing holds of its
	// own. It is small, so that progress is seen.
	writeSize = 16 << 10
	// finishGrace is how long a stream that ends has to take its last event.
	lastFrameTimeout = 5 * time.Second
)

// Stream is one client's connection.
type Stream struct {
	hub           *Hub
	id            string
	heartbeatSlot uint64 // in which sweep it gets its heartbeat
	userID        int64
	sessionID     string
	openPosition  int64 // the newest event when it opened: what was deleted until then is not told to it
	conn          net.Conn
	socket        socket

	// Owned by Hub.mu.
	attached       bool
	pushedPosition int64 // position of the newest event queued while live
	mutes          mutes // while live; of them, those who are blocked, and who block, as soon as the stream is in a room
	rooms          roomStates

	mu           sync.Mutex
	queueHead    []byte // what is queued: first, and then the rest; mostly there is one piece, or none
	queueTail    [][]byte
	queueSize    int       // bytes in both
	writing      bool      // somebody is at the socket, and looks at the queue again before leaving
	replaying    bool      // reads the log, from position walked
	replayedTo   int64     // while walking: the log has been read up to here
	cancelReplay func()    // ends what the walk waits for, nil while there is none
	lastFrame    []byte    // the last frame, after which the stream ends
	ended        bool      // it takes nothing more; set by lose alone
	blocked      bool      // a write waits for the socket
	unackedBytes int       // bytes that the kernel held at the last sweep
	lastProgress time.Time // when the socket last took something, while sending
}

// outcome is what became of a frame.
type enqueueResult int

const (
	needsFlush  enqueueResult = iota // it waits for a flush
	accepted                         // it waits for whoever is at the socket
	queueFull                        // there is no room
	streamEnded                      // the stream takes nothing more
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

// offer queues a piece of the log that begins at position. When there is no room, the stream goes on from the log instead:
// that is decided under the same lock, since whoever is at the socket leaves when the queue is empty and nothing is behind.
func (s *Stream) enqueueBatch(piece []byte, position int64) enqueueResult {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.appendFrame(piece)
	if o == queueFull {
		s.replaying, s.replayedTo = true, position-1
	}
	return o
}

// add appends to the queue. s.mu is held. When it answers full, somebody is at the socket.
func (s *Stream) appendFrame(frame []byte) enqueueResult {
	if s.ended || s.lastFrame != nil {
		return streamEnded
	}
	if s.isQueueFull(frame) && !s.writing {
		s.tryFlush() // a long run of events in one go: the socket may well take them
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
			return accepted // for whoever is at the socket
		}
		return needsFlush
	}
	s.queueTail = append(s.queueTail, frame)
	s.queueSize += len(frame)
	return accepted // for whoever is at the socket, or for the flush that the first in the queue has asked for
}

func (s *Stream) isQueueFull(frame []byte) bool {
	limit := queueBytes
	if s.writing {
		limit = blockedQueueBytes
	}
	return len(s.queueTail) >= queueFrames-1 || s.queueSize > 0 && s.queueSize+len(frame) > limit
}

// flush offers what is queued to the socket, all in one write, and sends the stream's goroutine there if it has to walk.
func (s *Stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.writing && !s.ended {
		s.tryFlush()
	}
}

// attempt writes what is queued without waiting. What the socket does not take is left to the stream's own goroutine. s.mu
// is held, and nobody else is at the socket.
func (s *Stream) tryFlush() {
	if s.queueSize > 0 {
		n, err := s.socket.tryWrite(s.joinQueue())
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

// start sends the stream's own goroutine to the socket, with rest to write first. s.mu is held.
func (s *Stream) startWriter(rest []byte) {
	s.writing = true
	s.hub.goroutines.Go(func() { s.runWriter(rest) })
}

// joined is all that is queued, in one slice: mostly there is one piece, and nothing is copied. s.mu is held.
func (s *Stream) joinQueue() []byte {
	if len(s.queueTail) == 0 {
		return s.queueHead
	}
	b := append(make([]byte, 0, s.queueSize), s.queueHead...)
	for _, piece := range s.queueTail {
		b = append(b, piece...)
	}
	return b
}

// took removes n bytes from the front of the queue. The pieces that stay are no copies. s.mu is held.
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

// take takes what makes one write from the front of the queue, nil for nothing: a few pieces that are small, or one that may
// be large and is no copy. s.mu is held.
func (s *Stream) takeWrite() []byte {
	b := s.queueHead
	if len(s.queueTail) > 0 && len(b)+len(s.queueTail[0]) <= writeSize {
		b = append(make([]byte, 0, min(s.queueSize, writeSize)), b...)
		for _, piece := range s.queueTail {
			if len(b)+len(piece) > writeSize {
				break
			}
			b = append(b, piece...)
		}
	}
	s.discard(len(b))
	return b
}

// drain is the stream's own goroutine: it writes until nothing is queued, walks when the stream is behind, and ends the
// stream after its last frame.
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
			_ = s.write(last) // it ends either way
			s.hub.endStream(s)
			return
		case s.replaying:
			s.mu.Unlock()
			s.replay()
		default:
			s.writing = false
			s.mu.Unlock()
			return
		}
	}
}

// write hands b to the socket piece by piece, waiting as long as it takes. The sweep closes one that takes nothing.
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

// sends notes for the sweep that a write begins or has ended.
func (s *Stream) setBlocked(sending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.blocked, s.lastProgress = sending, time.Now()
}

// walkFrom makes the stream read the log from position on.
func (s *Stream) replayFrom(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replaying, s.replayedTo = true, position
}

// place is up to where the stream has read the log, and whether it still reads it.
func (s *Stream) replayPosition() (position int64, walking bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.replayedTo, s.replaying && !s.ended
}

// reached notes that the log has been read up to position.
func (s *Stream) setReplayedTo(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replayedTo = max(s.replayedTo, position)
}

// caughtUp ends the walk: the hub feeds the stream from here on.
func (s *Stream) endReplay() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replaying = false
}

// takeAll takes all that is queued.
func (s *Stream) takeQueue() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.joinQueue()
	s.discard(len(b))
	return b
}

// try writes as much of b as the socket takes at once. The caller is at the socket.
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
