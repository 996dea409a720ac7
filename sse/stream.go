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
	queueLimit   = 256
	queueBytes   = 256 << 10
	stalledBytes = 64 << 10
	// passingLimit bounds the frames that are not in the log (presence, typing) and wait while somebody is at the socket.
	passingLimit = 64
	// writeSize is how much is made ready for a socket that has no room: what a stream whose peer takes nothing holds of its
	// own. It is small, so that progress is seen.
	writeSize = 16 << 10
	// finishGrace is how long a stream that ends has to take its last event.
	finishGrace = 5 * time.Second
)

// Stream is one client's connection.
type Stream struct {
	hub       *Hub
	id        string
	slot      uint64 // in which sweep it gets its heartbeat
	userID    int64
	sessionID string
	opened    int64 // the newest event when it opened: what was deleted until then is not told to it
	conn      net.Conn
	socket    socket

	// Owned by Hub.mu.
	live     bool
	pushed   int64    // position of the newest event queued while live
	silences silences // while live; of them, those who are blocked, and who block, as soon as the stream is in a room
	ties     ties

	mu       sync.Mutex
	first    []byte // what is queued: first, and then the rest; mostly there is one piece, or none
	rest     [][]byte
	size     int       // bytes in both
	writing  bool      // somebody is at the socket, and looks at the queue again before leaving
	walking  bool      // reads the log, from position walked
	walked   int64     // while walking: the log has been read up to here
	cut      func()    // ends what the walk waits for, nil while there is none
	final    []byte    // the last frame, after which the stream ends
	over     bool      // it takes nothing more; set by lose alone
	sending  bool      // a write waits for the socket
	owes     int       // bytes that the kernel held at the last sweep
	progress time.Time // when the socket last took something, while sending
}

// outcome is what became of a frame.
type outcome int

const (
	queued  outcome = iota // it waits for a flush
	waiting                // it waits for whoever is at the socket
	full                   // there is no room
	ended                  // the stream takes nothing more
)

// enqueue queues a frame that is not in the log, if there is room for it.
func (s *Stream) enqueue(frame []byte) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.writing && len(s.rest) >= passingLimit {
		return full
	}
	return s.add(frame)
}

// offer queues a piece of the log that begins at position. When there is no room, the stream goes on from the log instead:
// that is decided under the same lock, since whoever is at the socket leaves when the queue is empty and nothing is behind.
func (s *Stream) offer(piece []byte, position int64) outcome {
	s.mu.Lock()
	defer s.mu.Unlock()
	o := s.add(piece)
	if o == full {
		s.walking, s.walked = true, position-1
	}
	return o
}

// add appends to the queue. s.mu is held. When it answers full, somebody is at the socket.
func (s *Stream) add(frame []byte) outcome {
	if s.over || s.final != nil {
		return ended
	}
	if s.isFull(frame) && !s.writing {
		s.attempt() // a long run of events in one go: the socket may well take them
	}
	switch {
	case s.over:
		return ended
	case s.isFull(frame):
		return full
	}
	if s.size == 0 {
		s.first, s.size = frame, len(frame)
		if s.writing {
			return waiting // for whoever is at the socket
		}
		return queued
	}
	s.rest = append(s.rest, frame)
	s.size += len(frame)
	return waiting // for whoever is at the socket, or for the flush that the first in the queue has asked for
}

func (s *Stream) isFull(frame []byte) bool {
	limit := queueBytes
	if s.writing {
		limit = stalledBytes
	}
	return len(s.rest) >= queueLimit-1 || s.size > 0 && s.size+len(frame) > limit
}

// flush offers what is queued to the socket, all in one write, and sends the stream's goroutine there if it has to walk.
func (s *Stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.writing && !s.over {
		s.attempt()
	}
}

// attempt writes what is queued without waiting. What the socket does not take is left to the stream's own goroutine. s.mu
// is held, and nobody else is at the socket.
func (s *Stream) attempt() {
	if s.size > 0 {
		n, err := s.socket.tryWrite(s.joined())
		if err != nil {
			s.lose()
			return
		}
		s.took(n)
	}
	if s.size > 0 || s.walking || s.final != nil {
		s.start(nil)
	}
}

// start sends the stream's own goroutine to the socket, with rest to write first. s.mu is held.
func (s *Stream) start(rest []byte) {
	s.writing = true
	s.hub.work.Go(func() { s.drain(rest) })
}

// joined is all that is queued, in one slice: mostly there is one piece, and nothing is copied. s.mu is held.
func (s *Stream) joined() []byte {
	if len(s.rest) == 0 {
		return s.first
	}
	b := append(make([]byte, 0, s.size), s.first...)
	for _, piece := range s.rest {
		b = append(b, piece...)
	}
	return b
}

// took removes n bytes from the front of the queue. The pieces that stay are no copies. s.mu is held.
func (s *Stream) took(n int) {
	s.size -= n
	if s.size == 0 {
		s.first, s.rest = nil, nil
		return
	}
	done := 0
	for n >= len(s.first) {
		n -= len(s.first)
		s.first = s.rest[done]
		done++
	}
	s.first = s.first[n:]
	clear(s.rest[:done])
	s.rest = s.rest[done:]
}

// take takes what makes one write from the front of the queue, nil for nothing: a few pieces that are small, or one that may
// be large and is no copy. s.mu is held.
func (s *Stream) take() []byte {
	b := s.first
	if len(s.rest) > 0 && len(b)+len(s.rest[0]) <= writeSize {
		b = append(make([]byte, 0, min(s.size, writeSize)), b...)
		for _, piece := range s.rest {
			if len(b)+len(piece) > writeSize {
				break
			}
			b = append(b, piece...)
		}
	}
	s.took(len(b))
	return b
}

// drain is the stream's own goroutine: it writes until nothing is queued, walks when the stream is behind, and ends the
// stream after its last frame.
func (s *Stream) drain(rest []byte) {
	for {
		if len(rest) > 0 {
			if err := s.write(rest); err != nil {
				s.hub.end(s)
				return
			}
		}
		s.mu.Lock()
		rest = s.take()
		switch {
		case s.over:
			s.mu.Unlock()
			return
		case len(rest) > 0:
			s.mu.Unlock()
		case s.final != nil:
			last := s.final
			s.mu.Unlock()
			_ = s.write(last) // it ends either way
			s.hub.end(s)
			return
		case s.walking:
			s.mu.Unlock()
			s.walk()
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
		s.sends(true)
		n, err := s.conn.Write(b[:min(len(b), writeSize)])
		s.sends(false)
		if err != nil {
			return err
		}
		b = b[n:]
	}
	return nil
}

// sends notes for the sweep that a write begins or has ended.
func (s *Stream) sends(sending bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sending, s.progress = sending, time.Now()
}

// walkFrom makes the stream read the log from position on.
func (s *Stream) walkFrom(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.walking, s.walked = true, position
}

// place is up to where the stream has read the log, and whether it still reads it.
func (s *Stream) place() (position int64, walking bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.walked, s.walking && !s.over
}

// reached notes that the log has been read up to position.
func (s *Stream) reached(position int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.walked = max(s.walked, position)
}

// caughtUp ends the walk: the hub feeds the stream from here on.
func (s *Stream) caughtUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.walking = false
}

// takeAll takes all that is queued.
func (s *Stream) takeAll() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.joined()
	s.took(len(b))
	return b
}

// try writes as much of b as the socket takes at once. The caller is at the socket.
func (s *Stream) try(b []byte) (n int, err error) {
	if len(b) == 0 {
		return 0, nil
	}
	return s.socket.tryWrite(b)
}

func (s *Stream) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over || s.final != nil
}
