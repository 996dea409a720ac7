package sse

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// walkTurns is how many streams read the log at once, and walkTurnsPerUser how many of them may be one user's.
	replaySlotCount    = 16
	replaySlotsPerUser = 4
	// walkBatch bounds the events that a walk takes from memory at once.
	replayCacheBatch = 256
	// walkWindow is over how many positions a walk reads at once. Only those that concern the user are fetched, so the cost
	// of a long absence grows with its length alone.
	replayWindow = 2000
	// walkLeast, walkFirst and walkMost bound how many events a walk fetches at once. The number follows their size: those
	// of one reading are to have about walkBytes. An event is mostly far less than walkBytes/walkFirst; a message of 8,000
	// characters may be 32 KB.
	replayMinEvents   = 4
	replayFirstEvents = 16
	replayMaxEvents   = 128
	replayReadBytes   = 128 << 10
	// walkTimeout bounds one such reading: a connection may be cut without a sign.
	replayTimeout = 15 * time.Second
)

// walk is what a stream that reads the log knows of it.
type replay struct {
	stream      *Stream
	visibility  *visibility // as of the stream's place; nil until it has been read
	limit       int         // events to be fetched at once
	errorLogged bool        // which has been logged
}

// walk reads the log from where the stream stands and writes what its user may see, until the stream goes live or ends. It
// reads no more than the socket takes at once; while it waits for the peer it holds one write (writeSize, or one frame that is
// larger), and its view.
func (s *Stream) replay() {
	ctx, cancel := context.WithCancel(s.hub.ctx)
	defer cancel()
	if !s.setCancelReplay(cancel) {
		return
	}
	defer s.setCancelReplay(nil)
	w := replay{stream: s, limit: replayFirstEvents}
	for {
		position, walking := s.replayPosition()
		if !walking {
			return
		}
		rest, err := w.step(ctx, position)
		if s.write(rest) != nil { // also when the stream has just got its last frame, which is not to come within another
			s.hub.endStream(s)
			return
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			w.logError(err)
			waitFor(ctx, retryInterval)
		}
	}
}

// complain logs that the log cannot be read: once, since the walk tries again until it can.
func (w *replay) logError(err error) {
	if !w.errorLogged {
		w.errorLogged = true
		w.stream.hub.logger.Warn("a stream could not read the log; it will try again", "stream", w.stream.id, "error", err)
	}
}

// turn takes the stream further from position, and answers what its socket left of the write that it came to.
func (w *replay) step(ctx context.Context, position int64) (rest []byte, err error) {
	s, h := w.stream, w.stream.hub
	// A stream that was opened at an event that the tail has yet to read waits for it: before, the hub does not know what of
	// its memory was deleted.
	if err := h.waitForPosition(ctx, max(position, s.openPosition)); err != nil {
		return nil, err
	}
	if err := h.replaySlots.acquire(ctx, s.userID); err != nil {
		return nil, err
	}
	defer h.replaySlots.release(s.userID)
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	if w.visibility == nil {
		loaded, err := h.log.View(ctx, s.userID, position)
		if err != nil {
			return nil, err
		}
		w.visibility = newVisibility(loaded)
	}
	if h.attach(s, w.visibility, position) {
		return nil, nil
	}
	return w.readEvents(ctx, position)
}

// read writes the events that follow position, from memory or from the database.
func (w *replay) readEvents(ctx context.Context, position int64) (rest []byte, err error) {
	s, h := w.stream, w.stream.hub
	h.mu.Lock()
	head := h.position
	events, here := h.cache.eventsAfter(position, replayCacheBatch)
	h.mu.Unlock()
	if here {
		return w.send(nil, events, events[len(events)-1].Position), nil
	}
	_, pruned, err := h.log.Bounds(ctx)
	switch {
	case err != nil:
		return nil, err
	case position < pruned:
		head = max(head, pruned)
		w.visibility = nil // it is of a place that lies behind what is passed over
		return w.send(h.resyncFrame(models.ResyncExpired, head), nil, head), nil
	}
	upTo := min(position+replayWindow, head)
	entries, err := h.log.EntriesFor(ctx, s.userID, position, upTo, w.limit)
	if err != nil {
		return nil, err
	}
	if len(entries) == w.limit {
		upTo = entries[len(entries)-1].Position
	}
	w.adaptLimit(entries)
	events = make([]*event, len(entries))
	for i, e := range entries {
		events[i] = &event{LogEntry: e}
	}
	return w.send(nil, events, upTo), nil
}

// adapt has the next reading fetch more when this one was full and yet small, and less when it was large.
func (w *replay) adaptLimit(entries []models.LogEntry) {
	size := dataBytes(entries)
	switch {
	case size > replayReadBytes:
		w.limit = max(w.limit/2, replayMinEvents)
	case len(entries) == w.limit && size < replayReadBytes/2:
		w.limit = min(w.limit*2, replayMaxEvents)
	}
}

// send writes first, what was queued meanwhile, and the frames of those events that the user may see, which reach up to
// position upTo, for as long as the socket takes all of it at once. It answers what the socket left of the last write; the
// events after that are read again. A log-out of the stream's own session ends the stream there.
func (w *replay) send(first []byte, events []*event, upTo int64) (rest []byte) {
	s := w.stream
	s.hub.mu.Lock()
	entered := slices.Clone(s.rooms)
	s.hub.mu.Unlock()
	b := slices.Concat(first, s.takeQueue())
	for more := true; more; {
		place := upTo
		for len(events) > 0 && len(b) < writeSize {
			e := events[0]
			events, place = events[1:], e.Position
			if e.Name == models.EventSessionRevoked && e.Audience.SessionID == s.sessionID {
				s.finish(w.withFrames(e).frame)
				return b
			}
			b = w.appendVisible(b, e, entered)
		}
		if more = len(events) > 0; !more {
			place = upTo
		}
		n, err := s.tryWrite(b)
		if err != nil {
			s.hub.endStream(s)
			return nil
		}
		s.setReplayedTo(place)
		if n < len(b) {
			return b[n:]
		}
		b = b[:0]
	}
	return nil
}

// pass moves the view over e, and appends its frame to b if the user may see it.
func (w *replay) appendVisible(b []byte, e *event, entered roomStates) []byte {
	if e.Kept() && w.visibility.canSee(e.LogEntry) {
		e = w.withFrames(e)
		inside := entered.isPresent(e.Audience.RoomID) || e.Audience.UserID == w.stream.userID
		b = append(b, e.frameFor(inside, w.visibility.mutes.suppresses(e.Audience.RoomID, e.Audience.UserID))...)
	}
	w.visibility.apply(e.LogEntry)
	return b
}

// encoded is e with its frames. Those that come from the database have none until they are written.
func (w *replay) withFrames(e *event) *event {
	if e.frame == nil {
		return newEvent(w.stream.hub.log.Epoch(), e.LogEntry)
	}
	return e
}

func (h *Hub) resyncFrame(why models.ResyncReason, position int64) []byte {
	return ephemeralFrame(h.cursor(position), models.EventResync, models.Resync{Reason: why})
}
