package sse

import (
	"net"
	"sync"
	"time"
)

const (
	// queueLimit and queueBytes bound what waits for a live stream's socket. Beyond, it reads the log itself.
	queueLimit = 1024
	queueBytes = 256 << 10
	// writeSize is how much is handed to a slow socket at once: small, so that progress is seen.
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
	silences silences // while live
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
	over     bool      // the connection is closed
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
	return len(s.rest) >= queueLimit-1 || s.size > 0 && s.size+len(frame) > queueBytes
}

// flush offers what is queued to the socket, all in one write, and sends the stream's goroutine there if it has to walk.
func (s *Stream) flush() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.writing && !s.over {
		s.attempt()
	}
}

// attempt writes what is queued without waiting. What the socket does not take is finished by the stream's own
// goroutine. s.mu is held, and nobody else is at the socket.
func (s *Stream) attempt() {
	rest := s.take()
	if len(rest) > 0 {
		n, err := s.socket.tryWrite(rest)
		if err != nil {
			s.close()
			return
		}
		rest = rest[n:]
	}
	if len(rest) > 0 || s.walking || s.final != nil {
		s.start(rest)
	}
}

// start sends the stream's own goroutine to the socket, with rest to write first. s.mu is held.
func (s *Stream) start(rest []byte) {
	s.writing = true
	s.hub.work.Go(func() { s.drain(rest) })
}

// take empties the queue into one slice, nil for nothing. s.mu is held.
func (s *Stream) take() []byte {
	b := s.first
	if len(s.rest) > 0 {
		b = make([]byte, 0, s.size)
		b = append(b, s.first...)
		for _, piece := range s.rest {
			b = append(b, piece...)
		}
	}
	s.first, s.rest, s.size = nil, nil, 0
	return b
}

// drain is the stream's own goroutine: it writes until the socket owes nothing, walks when the stream is behind, and
// ends the stream after its last frame.
func (s *Stream) drain(rest []byte) {
	for {
		if len(rest) > 0 {
			if err := s.write(rest); err != nil {
				s.hub.remove(s)
				return
			}
		}
		s.mu.Lock()
		rest = s.take()
		switch {
		case s.over:
			s.mu.Unlock()
			return
		case s.final != nil:
			rest = append(append([]byte(nil), rest...), s.final...)
			s.mu.Unlock()
			_ = s.write(rest) // it ends either way
			s.hub.remove(s)
			return
		case len(rest) > 0:
			s.mu.Unlock()
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

// caughtUp ends the walk: the hub feeds the stream from here on.
func (s *Stream) caughtUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.walking = false
}

// interruptedBy makes cut what an end of the stream calls: a walk must not wait for a database that does not answer.
func (s *Stream) interruptedBy(cut func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = cut
	if cut != nil && (s.over || s.final != nil) {
		cut()
	}
}

func (s *Stream) isOver() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.over || s.final != nil
}

// end makes frame the last that the stream gets, whatever was still to come, and gives the peer a while to take it.
func (s *Stream) end(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.over || s.final != nil {
		return
	}
	s.final, s.walking = frame, false
	if s.cut != nil {
		s.cut()
	}
	if s.conn == nil {
		return // it has yet to start, and will then end
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(finishGrace)) // also wakes a write that waits
	if !s.writing {
		s.start(nil)
	}
}

// close closes the connection; whoever reads from it or writes to it sees that, and removes the stream. s.mu is held.
func (s *Stream) close() {
	if !s.over {
		s.over = true
		if s.cut != nil {
			s.cut()
		}
		if s.conn != nil {
			s.hub.watcher.forget(s)
			_ = s.conn.Close()
		}
	}
}
