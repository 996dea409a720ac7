package sse

import (
	"bytes"
	"encoding/json"
	"strconv"

	"github.com/parley-chat/parley/models"
)

// change is what a run of events makes stale of those before it.
type invalidation struct {
	messages map[messageKey]int64 // edited or deleted, at that position for the last time
	cleared  map[int64]int64      // by room, the newest message that is gone
	rooms    map[int64]struct{}   // deleted
	users    map[int64][]byte     // deleted, and how they are named in an event's data
}

// messageName names a message.
type messageKey struct{ roomID, id int64 }

// outdate marks those events that are not to be told again as they are in memory: what they tell of was edited, deleted or
// cleared away by some of the events, which are the newest. It goes over the memory once for all of them.
func (r *eventCache) invalidate(events []*event) {
	var c invalidation
	for _, e := range events {
		c.add(e)
	}
	if c.messages == nil && c.cleared == nil && c.rooms == nil && c.users == nil {
		return
	}
	for _, e := range r.events {
		e.stale = e.stale || c.covers(e)
	}
}

func (c *invalidation) add(e *event) {
	room := e.Audience.RoomID
	switch e.Name {
	case models.EventMessageEdited:
		c.messages = insert(c.messages, messageKey{room, e.MessageID}, e.Position)
	case models.EventMessageDeleted:
		var m models.MessageRef
		if json.Unmarshal(e.Data, &m) == nil {
			c.messages = insert(c.messages, messageKey{room, m.MessageID}, e.Position)
		}
	case models.EventHistoryCleared:
		var m models.HistoryCleared
		if json.Unmarshal(e.Data, &m) == nil {
			c.cleared = insert(c.cleared, room, m.UpToID)
		}
	case models.EventRoomDeleted:
		c.rooms = insert(c.rooms, room, struct{}{})
	case models.EventAccountDeleted:
		id := e.Audience.UserID
		c.users = insert(c.users, id, append(strconv.AppendInt([]byte(`{"id":`), id, 10), `,"username":`...))
	}
}

// with is a map with one more value. Most runs of events have nothing to put into one, and make none.
func insert[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	if m == nil {
		m = map[K]V{}
	}
	m[key] = value
	return m
}

func (c *invalidation) covers(e *event) bool {
	room := e.Audience.RoomID
	_, deleted := c.rooms[room]
	switch {
	case e.MessageID != 0:
		if e.Position < c.messages[messageKey{room, e.MessageID}] || deleted || e.MessageID <= c.cleared[room] {
			return true
		}
	case deleted && (e.Name == models.EventRoomCreated || e.Name == models.EventRoomUpdated):
		return true
	}
	for id, named := range c.users {
		switch e.Name {
		case models.EventMessageCreated: // most events are; they name their sender alone
			if e.Audience.UserID == id {
				return true
			}
		default:
			if bytes.Contains(e.Data, named) {
				return true
			}
		}
	}
	return false
}

// Bounds of the newest events that are kept in memory, for walks that are only a little behind.
const (
	cacheEvents = 4096
	cacheBytes  = 8 << 20
)

// recent is a run of the newest events, without gaps, ending at the hub's position.
type eventCache struct {
	events []*event
	bytes  int
}

func (r *eventCache) add(e *event) {
	r.events = append(r.events, e)
	r.bytes += len(e.frame) + len(e.notification)
	drop := 0
	for len(r.events)-drop > cacheEvents || r.bytes > cacheBytes {
		oldest := r.events[drop]
		r.bytes -= len(oldest.frame) + len(oldest.notification)
		r.events[drop] = nil
		drop++
	}
	r.events = r.events[drop:]
}

// after is a copy of up to limit of the events that follow position, which is before the newest one, and up to one that is
// stale; ok is false when the first of them is not here, or is stale: the log has it as it is now.
func (r *eventCache) eventsAfter(position int64, limit int) (events []*event, ok bool) {
	if len(r.events) == 0 || position < r.events[0].Position-1 {
		return nil, false
	}
	from := int(position - r.events[0].Position + 1)
	for _, e := range r.events[from:min(from+limit, len(r.events))] {
		if e.stale {
			break
		}
		events = append(events, e)
	}
	return events, len(events) > 0
}
