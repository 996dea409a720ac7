package sse

import "github.com/parley-chat/parley/models"

// batchBytes limits one batch: a slow stream holds the whole of it.
const batchBytes = queueBytes / 2

// nextBatch returns the leading messages of events that are to the same room, or the first event alone. No
// membership, presence or mute changes within a batch.
func nextBatch(events []*event) []*event {
	first, size := events[0], 0
	for i, e := range events {
		size += len(e.frame)
		if e.Name != models.EventMessageCreated || !e.Replayable() ||
			e.Audience.RoomID != first.Audience.RoomID || size > batchBytes {
			return events[:max(i, 1)]
		}
	}
	return events
}

// deliverBatch is deliver for several messages to one room. Nearly all streams see all of them in the same form, and
// share one slice with all frames: that costs each stream one lock and one queue entry.
func (h *Hub) deliverBatch(run []*event) {
	first, last := run[0], run[len(run)-1]
	var created, notification []byte // built when a stream needs it
	if r := h.rooms[first.Audience.RoomID]; r != nil {
		for i := len(r.subscriptions) - 1; i >= 0; i-- { // in reverse order, as in deliver
			switch sub := r.subscriptions[i]; {
			case sub.present:
				if created == nil {
					created = joinFrames(run, func(e *event) []byte { return e.frame })
				}
				h.pushBatch(sub.stream, first.Position, last.Position, created)
			case sub.stream.mutes.suppressesNothing() && !hasSender(run, sub.stream.userID):
				if notification == nil {
					notification = joinFrames(run, func(e *event) []byte { return e.notification })
				}
				h.pushBatch(sub.stream, first.Position, last.Position, notification)
			default:
				h.pushOneByOne(sub.stream, run)
			}
		}
	}
	for _, e := range run {
		for s := range h.users[e.Audience.UserID] {
			h.push(s, e, e.frame)
		}
	}
}

// pushOneByOne queues those messages of the batch that a user who is not present in the room should be notified of.
func (h *Hub) pushOneByOne(s *Stream, run []*event) {
	for _, e := range run {
		own := e.Audience.UserID == s.userID
		if f := e.frameFor(own, s.mutes.suppresses(e.Audience.RoomID, e.Audience.UserID)); f != nil {
			h.push(s, e, f)
		}
	}
}

func hasSender(run []*event, userID int64) bool {
	for _, e := range run {
		if e.Audience.UserID == userID {
			return true
		}
	}
	return false
}

func joinFrames(run []*event, frameOf func(*event) []byte) []byte {
	size := 0
	for _, e := range run {
		size += len(frameOf(e))
	}
	frames := make([]byte, 0, size)
	for _, e := range run {
		frames = append(frames, frameOf(e)...)
	}
	return frames
}
