package sse

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// replaySlotCount is how many streams may replay at the same time, replaySlotsPerUser how many of one user.
	replaySlotCount    = 16
	replaySlotsPerUser = 4
	// replayCacheBatch limits the events that a replay takes from the cache at once.
	replayCacheBatch = 256
	// replayWindow is the range of positions that one query covers. The query returns only the user's own events, so the
	// cost of a long absence grows with its length alone.
	replayWindow = 2000
	// A query returns between replayMinEvents and replayMaxEvents events, replayFirstEvents at first. The number is
	// adapted to their size, so that they have about replayReadBytes together. A message of 8,000 characters may have 32
	// KB; most events are much smaller.
	replayMinEvents   = 4
	replayFirstEvents = 16
	replayMaxEvents   = 128
	replayReadBytes   = 128 << 10
	// replayTimeout limits one step: a connection to the database may break without an error.
	replayTimeout = 15 * time.Second
)

// replay is the state of a stream that reads the log itself.
type replay struct {
	stream      *Stream
	visibility  *visibility // at the stream's position; nil until it is loaded
	limit       int         // events to read at once
	errorLogged bool        // so that an error is logged once
}

// replay reads the log from the stream's position and writes what its user may see, until the stream is attached or
// ends. It reads only as much as the socket takes at once. While it waits for the peer it holds one write (writeSize,
// or one larger frame) and its visibility snapshot.
func (s *Stream) replay() {
	ctx, cancel := context.WithCancel(s.hub.ctx)
	defer cancel()
	if !s.setCancelReplay(cancel) {
		return
	}
	defer s.setCancelReplay(nil)
	r := replay{stream: s, limit: replayFirstEvents}
	for {
		position, active := s.replayPosition()
		if !active {
			return
		}
		rest, err := r.step(ctx, position)
		// Also if the stream has just got its last frame, which must not be sent in the middle of another.
		if s.write(rest) != nil {
			s.hub.endStream(s)
			return
		}
		switch {
		case ctx.Err() != nil:
			return
		case err != nil:
			r.logError(err)
			waitFor(ctx, retryInterval)
		}
	}
}

// logError logs that the log cannot be read, but only once: the replay retries until it can.
func (r *replay) logError(err error) {
	if !r.errorLogged {
		r.errorLogged = true
		r.stream.hub.logger.Warn("the stream cannot replay the log; retrying", "stream", r.stream.id, "error", err)
	}
}

// step advances the replay from position, and returns the part of its last write that the socket did not take.
func (r *replay) step(ctx context.Context, position int64) (rest []byte, err error) {
	s, h := r.stream, r.stream.hub
	// If the stream was opened at an event that the log consumer has not applied yet, wait for it: until then the cache
	// may have messages that are deleted already.
	if err := h.waitForPosition(ctx, max(position, s.openPosition)); err != nil {
		return nil, err
	}
	if err := h.replaySlots.acquire(ctx, s.userID); err != nil {
		return nil, err
	}
	defer h.replaySlots.release(s.userID)
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	if r.visibility == nil {
		loaded, err := h.log.Visibility(ctx, s.userID, position)
		if err != nil {
			return nil, err
		}
		r.visibility = newVisibility(loaded)
	}
	if h.attach(s, r.visibility, position) {
		return nil, nil
	}
	return r.readEvents(ctx, position)
}

// readEvents writes the events after position, from the cache or from the database.
func (r *replay) readEvents(ctx context.Context, position int64) (rest []byte, err error) {
	s, h := r.stream, r.stream.hub
	h.mu.Lock()
	head := h.position
	events, cached := h.cache.eventsAfter(position, replayCacheBatch)
	h.mu.Unlock()
	if cached {
		return r.send(nil, events, events[len(events)-1].Position), nil
	}
	_, pruned, err := h.log.Bounds(ctx)
	switch {
	case err != nil:
		return nil, err
	case position < pruned:
		head = max(head, pruned)
		r.visibility = nil // it is older than the events that are skipped
		return r.send(h.resyncFrame(models.ResyncExpired, head), nil, head), nil
	}
	upTo := min(position+replayWindow, head)
	entries, err := h.log.EntriesFor(ctx, s.userID, position, upTo, r.limit)
	if err != nil {
		return nil, err
	}
	if len(entries) == r.limit {
		upTo = entries[len(entries)-1].Position
	}
	r.adaptLimit(entries)
	events = make([]*event, len(entries))
	for i, e := range entries {
		events[i] = &event{LogEntry: e}
	}
	return r.send(nil, events, upTo), nil
}

// adaptLimit makes the next query larger if this one was full and yet small, and smaller if it was too large.
func (r *replay) adaptLimit(entries []models.LogEntry) {
	size := dataBytes(entries)
	switch {
	case size > replayReadBytes:
		r.limit = max(r.limit/2, replayMinEvents)
	case len(entries) == r.limit && size < replayReadBytes/2:
		r.limit = min(r.limit*2, replayMaxEvents)
	}
}

// send writes first, what was queued in the meantime, and the frames of those events that the user may see, as long
// as the socket takes each write completely. The events reach up to position upTo. It returns what the socket left of
// the last write; the events after that will be read again. If the stream's own session is revoked, the stream ends
// there.
func (r *replay) send(first []byte, events []*event, upTo int64) (rest []byte) {
	s := r.stream
	s.hub.mu.Lock()
	rooms := slices.Clone(s.rooms)
	s.hub.mu.Unlock()
	b := slices.Concat(first, s.takeQueue())
	for more := true; more; {
		to := upTo
		for len(events) > 0 && len(b) < writeSize {
			e := events[0]
			events, to = events[1:], e.Position
			if e.Name == models.EventSessionRevoked && e.Audience.SessionID == s.sessionID {
				s.finish(r.withFrames(e).frame)
				return b
			}
			b = r.appendVisible(b, e, rooms)
		}
		if more = len(events) > 0; !more {
			to = upTo
		}
		n, err := s.tryWrite(b)
		if err != nil {
			s.hub.endStream(s)
			return nil
		}
		s.setReplayedTo(to)
		if n < len(b) {
			return b[n:]
		}
		b = b[:0]
	}
	return nil
}

// appendVisible appends the frame of e to b if the user may see it, and applies e to the visibility snapshot.
func (r *replay) appendVisible(b []byte, e *event, rooms roomStates) []byte {
	if e.Replayable() && r.visibility.canSee(e.LogEntry) {
		e = r.withFrames(e)
		present := rooms.isPresent(e.Audience.RoomID) || e.Audience.UserID == r.stream.userID
		b = append(b, e.frameFor(present, r.visibility.mutes.suppresses(e.Audience.RoomID, e.Audience.UserID))...)
	}
	r.visibility.apply(e.LogEntry)
	return b
}

// withFrames returns e with its frames. Events from the database have none until they are written.
func (r *replay) withFrames(e *event) *event {
	if e.frame == nil {
		return newEvent(r.stream.hub.log.Epoch(), e.LogEntry)
	}
	return e
}

func (h *Hub) resyncFrame(why models.ResyncReason, position int64) []byte {
	return ephemeralFrame(h.cursor(position), models.EventResync, models.Resync{Reason: why})
}
