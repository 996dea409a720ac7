package sse

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// A stream ends in one way, whoever finds that it has to: its peer is gone, a write failed, it took nothing for too long, it
// had its last event, the server stops, Open could not go through with it. Whoever that is calls lose, under the stream's own
// lock, or end, under none. From then on the stream takes nothing more, and stands on the hub's list of those that are lost.
// The hub takes it off all its books when its lock is next let go of (unlock), and closes the connection after that. Writes
// fail under locks that the hub's must not be taken under, which is why the two are apart. Sweep looks at the list as well, so
// that a stream is removed within a second even if nobody else does.

// lost are the streams that are over and have yet to be removed.
type lost struct {
	some atomic.Bool // there are; looked at without the lock

	mu      sync.Mutex // taken after Hub.mu and Stream.mu
	streams []*Stream
}

func (l *lost) add(s *Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams = append(l.streams, s)
	l.some.Store(true)
}

func (l *lost) take() []*Stream {
	if !l.some.Load() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	streams := l.streams
	l.streams = nil
	l.some.Store(false)
	return streams
}

// lose makes the stream one that is over, for good. s.mu is held.
func (s *Stream) lose() {
	if s.over {
		return
	}
	s.over, s.walking = true, false
	s.first, s.rest, s.size = nil, nil, 0
	if s.cut != nil {
		s.cut()
	}
	s.hub.lost.add(s)
}

// end ends a stream and removes it. It may be called more than once; none of the locks is held.
func (h *Hub) end(s *Stream) {
	s.mu.Lock()
	s.lose()
	s.mu.Unlock()
	h.locked(func() {})
}

// finish makes frame the last of a stream, which ends when its peer has taken that, or has not for a while. h.mu is held.
func (h *Hub) finish(s *Stream, frame []byte) {
	h.detach(s)
	s.finish(frame)
}

// finish makes frame the last that the stream gets, whatever was still to come, and gives the peer a while to take it.
func (s *Stream) finish(frame []byte) {
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
		return // Open has yet to attach it, and starts it then
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(finishGrace)) // holds for a write that waits, too
	if !s.writing {
		s.start(nil)
	}
}

// locked runs f under the hub's lock, and then writes what f queued.
func (h *Hub) locked(f func()) {
	h.mu.Lock()
	f()
	h.unlock()
}

// unlock lets go of the hub's lock. Before, it takes the streams that are over off the hub's books, of which others are told;
// after, it closes their connections and writes what was queued, and begins anew should a write fail.
func (h *Hub) unlock() {
	for {
		gone := h.lost.take()
		for _, s := range gone {
			h.forgetStream(s)
		}
		dirty := h.dirty
		h.dirty = nil
		h.mu.Unlock()
		for _, s := range gone {
			s.hangUp()
		}
		for _, s := range dirty {
			s.flush()
		}
		if !h.lost.some.Load() {
			return
		}
		h.mu.Lock()
	}
}

// forgetStream takes a stream out of all that the hub knows. h.mu is held.
func (h *Hub) forgetStream(s *Stream) {
	if h.streams[s.id] != s {
		return // it was never registered
	}
	h.detach(s)
	for _, roomID := range s.ties.rooms() {
		h.exit(s, roomID)
	}
	delete(h.streams, s.id)
	delete(h.users[s.userID], s)
	if len(h.users[s.userID]) == 0 {
		delete(h.users, s.userID)
		h.leaving[s.userID] = departure{since: time.Now(), own: true}
	}
}

// hangUp closes the connection, if the stream has got that far, once. Whoever is at the socket sees it.
func (s *Stream) hangUp() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.hub.watcher.forget(s)
		_ = s.conn.Close()
	}
}

// interruptedBy makes cut what an end of the stream calls: a walk must not wait for a database that does not answer. It
// reports false when the stream has ended already.
func (s *Stream) interruptedBy(cut context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = cut
	return !s.over && s.final == nil
}
