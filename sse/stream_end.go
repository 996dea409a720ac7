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
type endedStreams struct {
	any atomic.Bool // there are; looked at without the lock

	mu      sync.Mutex // taken after Hub.mu and Stream.mu
	streams []*Stream
}

func (l *endedStreams) add(s *Stream) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.streams = append(l.streams, s)
	l.any.Store(true)
}

func (l *endedStreams) takeAll() []*Stream {
	if !l.any.Load() {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	streams := l.streams
	l.streams = nil
	l.any.Store(false)
	return streams
}

// lose makes the stream one that is over, for good. s.mu is held.
func (s *Stream) markEnded() {
	if s.ended {
		return
	}
	s.ended, s.replaying = true, false
	s.queueHead, s.queueTail, s.queueSize = nil, nil, 0
	if s.cancelReplay != nil {
		s.cancelReplay()
	}
	s.hub.ended.add(s)
}

// end ends a stream and removes it. It may be called more than once; none of the locks is held.
func (h *Hub) endStream(s *Stream) {
	s.mu.Lock()
	s.markEnded()
	s.mu.Unlock()
	h.withLock(func() {})
}

// finish makes frame the last of a stream, which ends when its peer has taken that, or has not for a while. h.mu is held.
func (h *Hub) finishStream(s *Stream, frame []byte) {
	h.detach(s)
	s.finish(frame)
}

// finish makes frame the last that the stream gets, whatever was still to come, and gives the peer a while to take it.
func (s *Stream) finish(frame []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended || s.lastFrame != nil {
		return
	}
	s.lastFrame, s.replaying = frame, false
	if s.cancelReplay != nil {
		s.cancelReplay()
	}
	if s.conn == nil {
		return // Open has yet to attach it, and starts it then
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(lastFrameTimeout)) // holds for a write that waits, too
	if !s.writing {
		s.startWriter(nil)
	}
}

// locked runs f under the hub's lock, and then writes what f queued.
func (h *Hub) withLock(f func()) {
	h.mu.Lock()
	f()
	h.unlock()
}

// unlock lets go of the hub's lock. Before, it takes the streams that are over off the hub's books, of which others are told;
// after, it closes their connections and writes what was queued, and begins anew should a write fail.
func (h *Hub) unlock() {
	for {
		gone := h.ended.takeAll()
		for _, s := range gone {
			h.removeStream(s)
		}
		dirty := h.toFlush
		h.toFlush = nil
		h.mu.Unlock()
		for _, s := range gone {
			s.closeConn()
		}
		for _, s := range dirty {
			s.flush()
		}
		if !h.ended.any.Load() {
			return
		}
		h.mu.Lock()
	}
}

// forgetStream takes a stream out of all that the hub knows. h.mu is held.
func (h *Hub) removeStream(s *Stream) {
	if h.streams[s.id] != s {
		return // it was never registered
	}
	h.detach(s)
	for _, roomID := range s.rooms.presentRooms() {
		h.exit(s, roomID)
	}
	delete(h.streams, s.id)
	delete(h.users[s.userID], s)
	if len(h.users[s.userID]) == 0 {
		delete(h.users, s.userID)
		h.departures[s.userID] = departure{since: time.Now(), own: true}
	}
}

// hangUp closes the connection, if the stream has got that far, once. Whoever is at the socket sees it.
func (s *Stream) closeConn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.hub.peers.forget(s)
		_ = s.conn.Close()
	}
}

// interruptedBy makes cut what an end of the stream calls: a walk must not wait for a database that does not answer. It
// reports false when the stream has ended already.
func (s *Stream) setCancelReplay(cut context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancelReplay = cut
	return !s.ended && s.lastFrame == nil
}
