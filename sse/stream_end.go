package sse

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// All streams end in the same way, whatever the reason: the peer has closed, a write failed, the peer took nothing
// for too long, the last event was sent, the server stops, or Open failed. The goroutine that notices calls markEnded
// under Stream.mu, or endStream without a lock. From then on nothing is queued for the stream, and it is on the list
// Hub.ended. The next Hub.unlock removes it from the hub, and closes the connection after that. Two steps are needed
// because a write can fail while locks are held under which Hub.mu must not be taken. CheckStreams also empties the
// list, so a stream is removed within a second.

// endedStreams are the streams that have ended and are still to be removed.
type endedStreams struct {
	any atomic.Bool // there are some; read without the lock

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

// markEnded ends the stream for good. s.mu is held.
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

// endStream ends and removes a stream. It may be called more than once. The caller holds no lock.
func (h *Hub) endStream(s *Stream) {
	s.mu.Lock()
	s.markEnded()
	s.mu.Unlock()
	h.withLock(func() {})
}

// finishStream makes frame the last one of a stream, which ends when its peer has taken it, or after
// lastFrameTimeout. h.mu is held.
func (h *Hub) finishStream(s *Stream, frame []byte) {
	h.detach(s)
	s.finish(frame)
}

// endSession makes frame the last one of the streams of a session that was revoked. h.mu is held.
func (h *Hub) endSession(userID int64, sessionID string, frame []byte) {
	for s := range h.users[userID] {
		if s.sessionID == sessionID {
			h.finishStream(s, frame)
		}
	}
}

// finish makes frame the last one of the stream, in place of what was still to come, and gives the peer
// lastFrameTimeout to take it.
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
		return // Open starts the writer when it has set the connection
	}
	_ = s.conn.SetWriteDeadline(time.Now().Add(s.hub.lastFrameTimeout)) // applies to a write that waits already, too
	if !s.writing {
		s.startWriter(nil)
	}
}

// withLock runs f under the hub's lock. What f has queued is written after that.
func (h *Hub) withLock(f func()) {
	h.mu.Lock()
	f()
	h.unlock()
}

// unlock releases the hub's lock. Before that, it removes the streams that have ended, which may queue presence
// events for others. After that, it closes their connections and flushes what was queued, unless the flushers do. If a
// write fails, it starts over.
func (h *Hub) unlock() {
	for {
		gone := h.ended.takeAll()
		for _, s := range gone {
			h.removeStream(s)
		}
		var few [flushAtOnce]*Stream
		n := h.takeToFlush(&few)
		h.mu.Unlock()
		for _, s := range gone {
			s.closeConn()
		}
		for _, s := range few[:n] {
			s.flush(nil)
		}
		if !h.ended.any.Load() {
			return
		}
		h.mu.Lock()
	}
}

// takeToFlush empties h.toFlush: a few streams are for the caller to flush, more go to the flushers. It returns the
// number of the few. h.mu is held.
func (h *Hub) takeToFlush(few *[flushAtOnce]*Stream) (n int) {
	if len(h.toFlush) <= len(few) {
		n = copy(few[:], h.toFlush)
		clear(h.toFlush)
		h.toFlush = h.toFlush[:0]
	}
	h.leaveToFlushers()
	return n
}

// removeStream removes a stream from all maps of the hub. h.mu is held.
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
		h.pendingOffline[s.userID] = pendingOffline{since: time.Now(), own: true}
	}
}

// closeConn closes the connection if the stream has one. A writer that waits gets an error.
func (s *Stream) closeConn() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.conn != nil {
		s.hub.peers.forget(s)
		_ = s.conn.Close()
	}
}

// setCancelReplay sets the function that interrupts a replay when the stream ends: a replay must not wait for a
// database that does not respond. It returns false if the stream has ended already.
func (s *Stream) setCancelReplay(cut context.CancelFunc) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cancelReplay = cut
	return !s.ended && s.lastFrame == nil
}
