package sse

import (
	"context"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// replayCacheBatch limits the events that a replay takes from the cache at once.
	replayCacheBatch = 1024
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
	// replayStepReads limits the reads of one step, which holds a slot.
	replayStepReads = 8
	// replayTimeout limits one step: a connection to the database may break without an error.
	replayTimeout = 15 * time.Second
)

// replay is the state of a stream that reads the log itself.
type replay struct {
	stream      *Stream
	visibility  *visibility // at the stream's position; nil until it is loaded
	limit       int         // events to read at once
	holdsSlot   bool
	errorLogged bool // so that an error is logged once
}

func newReplay(s *Stream) *replay { return &replay{stream: s, limit: replayFirstEvents} }

// run reads the log from the stream's position and writes what its user may see, until the stream is attached or ends.
// It reads only as much as the socket takes at once. While it waits for the peer it holds the rest of one frame and its
// visibility snapshot.
func (r *replay) run() {
	s := r.stream
	defer r.releaseSlot()
	ctx, cancel := context.WithCancel(s.hub.ctx)
	defer cancel()
	if !s.setCancelReplay(cancel) {
		return
	}
	defer s.setCancelReplay(nil)
	if hook := s.hub.beforeReplay; hook != nil {
		hook(r)
	}
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

// step advances the replay from position, and returns the rest of a frame that the socket did not take.
func (r *replay) step(ctx context.Context, position int64) (rest []byte, err error) {
	s, h := r.stream, r.stream.hub
	// If the stream was opened at an event that the log consumer has not applied yet, wait for it: until then the cache
	// may have messages that are deleted already.
	if needed := max(position, s.openPosition); h.currentPosition() < needed {
		r.releaseSlot()
		if err := h.waitForPosition(ctx, needed); err != nil {
			return nil, err
		}
	}
	if err := r.acquireSlot(ctx); err != nil {
		return nil, err
	}
	defer r.releaseSlot()
	ctx, cancel := context.WithTimeout(ctx, replayTimeout)
	defer cancel()
	buffer := takeReplayBuffer()
	defer buffer.release()
	for range replayStepReads {
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
		rest, err := r.readEvents(ctx, position, buffer)
		reached, active := s.replayPosition()
		if err != nil || len(rest) > 0 || !active || reached == position {
			return rest, err
		}
		position = reached
	}
	return nil, nil
}

func (r *replay) acquireSlot(ctx context.Context) error {
	if r.holdsSlot {
		return nil
	}
	err := r.stream.hub.replaySlots.acquire(ctx, r.stream.userID)
	r.holdsSlot = err == nil
	return err
}

func (r *replay) releaseSlot() {
	if r.holdsSlot {
		r.holdsSlot = false
		r.stream.hub.replaySlots.release(r.stream.userID)
	}
}

// readEvents writes the events after position, from the cache or from the database.
func (r *replay) readEvents(ctx context.Context, position int64, b *replayBuffer) (rest []byte, err error) {
	s, h := r.stream, r.stream.hub
	h.mu.Lock()
	head := h.position
	b.events = h.cache.appendAfter(b.events[:0], position, replayCacheBatch)
	h.mu.Unlock()
	if len(b.events) > 0 {
		return r.send(b, nil, b.events, b.events[len(b.events)-1].Position), nil
	}
	upTo := min(position+replayWindow, head)
	entries, err := h.log.EntriesFor(ctx, s.userID, position, upTo, r.limit)
	if err != nil {
		return nil, err
	}
	// Afterwards: they may have been pruned while they were read.
	_, pruned, err := h.log.Bounds(ctx)
	switch {
	case err != nil:
		return nil, err
	case position < pruned:
		head = max(head, pruned)
		r.visibility = nil // it is older than the events that are skipped
		return r.send(b, h.resyncFrame(models.ResyncExpired, head), nil, head), nil
	}
	if len(entries) == r.limit {
		upTo = entries[len(entries)-1].Position
	}
	r.adaptLimit(entries)
	events := make([]*event, len(entries))
	for i, e := range entries {
		events[i] = &event{LogEntry: e}
	}
	return r.send(b, nil, events, upTo), nil
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
// the frame that it took last; what comes after that will be read again. If the stream's own session is revoked, the
// stream ends there.
func (r *replay) send(b *replayBuffer, first []byte, events []*event, upTo int64) (rest []byte) {
	s := r.stream
	s.hub.mu.Lock()
	rooms := slices.Clone(s.rooms)
	s.hub.mu.Unlock()
	b.reset()
	if len(first) > 0 {
		b.add(slices.Concat(first, s.takeQueue()), upTo) // there are no events
	} else {
		position, _ := s.replayPosition()
		b.add(s.takeQueue(), position) // as one frame: it is not read again
	}
	for more := true; more; {
		var turn *event // the last one of this write: it changes what the user may see
		to := upTo
		for len(events) > 0 && len(b.bytes) < replayWriteSize && turn == nil {
			e := events[0]
			events, to = events[1:], e.Position
			if e.Name == models.EventSessionRevoked && e.Audience.SessionID == s.sessionID {
				s.finish(r.withFrames(e).frame)
				return slices.Clone(b.bytes)
			}
			r.addVisible(b, e, rooms)
			if r.visibility.changesWith(e.LogEntry) {
				turn = e
			}
		}
		if more = len(events) > 0; !more {
			to = upTo
		}
		n, err := s.tryWrite(b.bytes)
		if err != nil {
			s.hub.endStream(s)
			return nil
		}
		rest, to, whole := b.after(n, to)
		if turn != nil && to >= turn.Position {
			r.visibility.apply(turn.LogEntry)
		}
		s.setReplayedTo(to)
		if !whole {
			return rest
		}
		b.reset()
	}
	return nil
}

// addVisible adds the frame of e to b if the user may see it.
func (r *replay) addVisible(b *replayBuffer, e *event, rooms roomStates) {
	if e.Replayable() && r.visibility.canSee(e.LogEntry) {
		e = r.withFrames(e)
		present := rooms.isPresent(e.Audience.RoomID) || e.Audience.UserID == r.stream.userID
		b.add(e.frameFor(present, r.visibility.mutes.suppresses(e.Audience.RoomID, e.Audience.UserID)), e.Position)
	}
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
