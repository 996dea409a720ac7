package sse

import (
	"bytes"
	"context"
	"encoding/json"
	"strconv"

	"github.com/parley-chat/parley/models"
)

// The cache holds the newest events, for replays that are only a little behind. Streams that begin before it read the
// database one by one, which takes several times as long: so it is usually the bytes that limit it.
const (
	cacheEvents = 16384
	cacheBytes  = 8 << 20
)

// eventCache holds the newest events without gaps, up to the hub's position.
type eventCache struct {
	events []*event
	bytes  int
}

// fillCache reads the newest events from the log, so that the clients of an earlier process, which all come back at the
// same time, are served from memory. The log has their content of now, so nothing is cached that was deleted.
func (h *Hub) fillCache(ctx context.Context, pruned int64) error {
	read := max(pruned, h.position-cacheEvents)
	for read < h.position {
		entries, err := h.log.Entries(ctx, read, consumerBatch)
		if err != nil {
			return err
		}
		if len(entries) == 0 || entries[0].Position != read+1 { // pruned meanwhile
			h.cache = eventCache{}
			return nil
		}
		for _, e := range h.encodeEvents(entries) {
			if e.Position <= h.position { // the log consumer applies the others
				h.cache.add(e)
			}
		}
		read = entries[len(entries)-1].Position
	}
	return nil
}

func (c *eventCache) add(e *event) {
	c.events = append(c.events, e)
	c.bytes += len(e.frame) + len(e.notification)
	drop := 0
	for len(c.events)-drop > cacheEvents || c.bytes > cacheBytes {
		oldest := c.events[drop]
		c.bytes -= len(oldest.frame) + len(oldest.notification)
		c.events[drop] = nil
		drop++
	}
	c.events = c.events[drop:]
}

// appendAfter appends to list up to limit events after position, which is less than the newest one, and stops before a
// stale one. It appends none if the first of them is not cached or is stale: then it has to be read from the database.
func (c *eventCache) appendAfter(list []*event, position int64, limit int) []*event {
	if len(c.events) == 0 || position < c.events[0].Position-1 {
		return list
	}
	from := int(position - c.events[0].Position + 1)
	for _, e := range c.events[from:min(from+limit, len(c.events))] {
		if e.stale {
			break
		}
		list = append(list, e)
	}
	return list
}

// invalidation is what a run of events makes outdated in the events before it.
type invalidation struct {
	messages map[messageKey]int64 // edited or deleted, with the position of the last such event
	cleared  map[int64]int64      // newest cleared message by room
	rooms    map[int64]struct{}   // deleted
	users    map[int64][]byte     // deleted, with their encoding in the data of other events
}

// messageKey identifies a message.
type messageKey struct{ roomID, id int64 }

// invalidate marks cached events as stale whose content was edited, deleted or cleared by events, which are the
// newest ones. It scans the cache once for all of them.
func (c *eventCache) invalidate(events []*event) {
	var outdated invalidation
	for _, e := range events {
		outdated.add(e)
	}
	if outdated.messages == nil && outdated.cleared == nil && outdated.rooms == nil && outdated.users == nil {
		return
	}
	for _, e := range c.events {
		e.stale = e.stale || outdated.covers(e)
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
	case models.EventNamesChanged:
		id := e.Audience.UserID
		c.users = insert(c.users, id, append(strconv.AppendInt([]byte(`{"id":`), id, 10), `,"username":`...))
	}
}

// insert sets a value in m, which may be nil. Most runs of events need none of the maps.
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
		case models.EventMessageCreated: // the most frequent event; it names only its sender
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
