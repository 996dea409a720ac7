package sse

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// walkBatch bounds the events that a walk takes from memory at once.
	walkBatch = 256
	// walkWindow is how many positions a walk reads from the database at once. Only those that concern the user are
	// fetched, so the cost of a long absence grows with its length alone.
	walkWindow = 2000
	// walkTimeout bounds one such reading: a connection may be cut without a sign.
	walkTimeout = 15 * time.Second
)

// walk reads the log from where the stream stands and writes what its user may see, until the stream goes live or ends.
func (s *Stream) walk() {
	h := s.hub
	ctx, cancel := context.WithCancel(h.ctx)
	defer cancel()
	s.interruptedBy(cancel)
	defer s.interruptedBy(nil)
	v, ok := s.loadView(ctx)
	if !ok {
		return
	}
	for {
		s.mu.Lock()
		position, walking := s.walked, s.walking && !s.over
		s.mu.Unlock()
		if !walking {
			return
		}
		if h.goLive(s, v, position) {
			return
		}
		events, upTo, err := h.next(ctx, s, position)
		if err != nil {
			if ctx.Err() != nil {
				return
			}
			h.logger.Warn("a stream could not read the log; it will try again", "stream", s.id, "error", err)
			pause(ctx, retryEvery)
			continue
		}
		if err := s.write(s.frames(v, events)); err != nil {
			h.remove(s)
			return
		}
		s.mu.Lock()
		s.walked = max(s.walked, upTo)
		s.mu.Unlock()
	}
}

func (s *Stream) loadView(ctx context.Context) (v *view, ok bool) {
	for {
		s.mu.Lock()
		position := s.walked
		s.mu.Unlock()
		limited, cancel := context.WithTimeout(ctx, walkTimeout)
		loaded, err := s.hub.log.View(limited, s.userID, position)
		cancel()
		if err == nil {
			return newView(loaded), true
		}
		if s.isOver() || ctx.Err() != nil {
			return nil, false
		}
		s.hub.logger.Warn("a stream could not read its memberships; it will try again", "stream", s.id, "error", err)
		pause(ctx, retryEvery)
	}
}

// frames are the frames of those events that the view sees, which it moves over them, after whatever was queued for the
// walking stream meanwhile. A log-out of the stream's own session ends it there.
func (s *Stream) frames(v *view, events []*event) []byte {
	s.hub.mu.Lock()
	entered := slices.Clone(s.ties)
	s.hub.mu.Unlock()
	s.mu.Lock()
	b := append([]byte(nil), s.take()...)
	s.mu.Unlock()
	for _, e := range events {
		switch {
		case e.Audience.SessionID == s.sessionID:
			s.end(e.frame)
			return b
		case e.Kept() && v.sees(e.LogEntry):
			inside := entered.entered(e.Audience.RoomID) || e.Audience.UserID == s.userID
			b = append(b, e.frameFor(inside, v.silences.cover(e.Audience.RoomID, e.Audience.UserID))...)
		}
		v.pass(e.LogEntry)
	}
	return b
}

// next is the run of events after position, from memory or from the database, and the position up to which it reaches.
// A stream that was opened at an event which the tail has yet to read waits for it: before, the hub does not know what of
// its memory was deleted.
func (h *Hub) next(ctx context.Context, s *Stream, position int64) (events []*event, upTo int64, err error) {
	h.mu.Lock()
	head, ahead, here := h.position, position >= h.position || s.opened > h.position, false
	if !ahead {
		events, here = h.recent.after(position, walkBatch)
	}
	h.mu.Unlock()
	switch {
	case ahead:
		return nil, position, h.reach(ctx, max(position, s.opened))
	case here:
		return events, events[len(events)-1].Position, nil
	}
	ctx, cancel := context.WithTimeout(ctx, walkTimeout)
	defer cancel()
	_, pruned, err := h.log.Bounds(ctx)
	if err != nil {
		return nil, position, err
	}
	if position < pruned {
		s.enqueue(h.resync(models.ResyncExpired, head))
		return nil, head, nil
	}
	return h.read(ctx, s.userID, position, min(position+walkWindow, head))
}

func (h *Hub) read(ctx context.Context, userID, after, upTo int64) ([]*event, int64, error) {
	entries, err := h.log.EntriesFor(ctx, userID, after, upTo)
	if err != nil {
		return nil, after, err
	}
	return h.events(entries), upTo, nil
}
