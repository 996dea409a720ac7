//go:build unix

package faults

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// readTimeout bounds how long readers may take to read everything once sending has stopped. A reader changes its node
// at least every ten seconds.
const readTimeout = 45 * time.Second

// waitFor waits until condition is true, for readTimeout at most. It stops waiting at the first reported flaw, which
// may well be the reason why the condition cannot become true.
func (c *workload) waitFor(condition func() bool) {
	pollUntil(readTimeout, func() bool { return c.hasFlaws() || condition() })
}

// lastMessages maps a room to the id of its last message, when a run began or ended. Messages before the beginning were
// compared in earlier runs.
type lastMessages map[int64]int64

// readLastMessages reads the id of the last message of each room.
func (c *workload) readLastMessages() lastMessages {
	list := make([]models.Room, len(c.rooms))
	forEachParallel(c.rooms, func(i int, id int64) { list[i] = c.getRoom(c.nodes[i%len(c.nodes)], id) })
	s := lastMessages{}
	for _, room := range list {
		s[room.ID] = room.LastMessageID
	}
	return s
}

func (c *workload) getRoom(n *clusterNode, id int64) models.Room {
	return read[models.Room](c, n, c.owner, harness.RoomPath(id))
}

// read sends a GET request for path to one node, as a user, and decodes the response. A failure fails the test.
func read[T any](c *workload, n *clusterNode, as *harness.Client, path string) (v T) {
	a, err := c.callUntilAvailable(context.Background(), as, []*clusterNode{n}, "GET", path, nil)
	if err != nil || a.HTTP.StatusCode != 200 || (harness.Event{Data: string(a.Body)}).Decode(&v) != nil {
		c.reportFlaw("%s did not respond to %s: %v %v", n.name, path, a, err)
	}
	return v
}

// check compares everything that clients saw in a run with everything that is stored: at every node, in every room, for
// every reader.
func (c *workload) check(before lastMessages) {
	after := c.readLastMessages()
	c.awaitReaders(after)
	complete := !c.hasFlaws() // with flaws, waiting ends before the readers have read everything
	stored := c.histories(before, after)
	if complete {
		c.checkReaders(before, stored)
	}
	c.checkSends(before, stored)
	forEachParallel(c.rooms, func(_ int, room int64) { c.checkCounts(room, after[room]) })
	c.checkUnread(after)
}

// awaitReaders waits until every reader has read the last message of each of its rooms.
func (c *workload) awaitReaders(after lastMessages) {
	behind := func(r *streamReader) (room int64, is bool) {
		for _, room := range r.rooms {
			if !r.hasRead(room, after[room]) {
				return room, true
			}
		}
		return 0, false
	}
	c.waitFor(func() bool {
		return !slices.ContainsFunc(c.readers, func(r *streamReader) bool { _, is := behind(r); return is })
	})
	if c.hasFlaws() {
		return
	}
	for _, r := range c.readers {
		if room, is := behind(r); is {
			r.mu.Lock()
			next := r.next[room]
			r.mu.Unlock()
			c.reportFlaw("%s waits for message %d of room %d, which has %d; it reads from %s",
				r.name, next, room, after[room], r.lastPosition())
		}
	}
}

// histories returns the keys of each room's messages of this run, which must be the same at each node.
func (c *workload) histories(before, after lastMessages) map[int64][]int64 {
	lists := make([][]int64, len(c.rooms))
	forEachParallel(c.rooms, func(i int, room int64) {
		for _, n := range c.nodes {
			keys := c.history(n, room, before[room])
			if int64(len(keys)) != after[room]-before[room] {
				c.reportFlaw("room %d at %s: got %d messages after %d, but the last one is %d",
					room, n.name, len(keys), before[room], after[room])
			}
			if lists[i] != nil && !slices.Equal(lists[i], keys) {
				c.reportFlaw("room %d: the histories at %s and %s differ: %s",
					room, c.nodes[0].name, n.name, difference(before[room], lists[i], keys))
			}
			lists[i] = keys
		}
	})
	stored := map[int64][]int64{}
	for i, room := range c.rooms {
		stored[room] = lists[i]
	}
	return stored
}

// history reads the keys of a room's messages after an id. The ids must have no gaps.
func (c *workload) history(n *clusterNode, room, after int64) []int64 {
	keys := []int64{}
	for {
		from := fmt.Sprintf("after=%d", after)
		if after == 0 {
			from = "since=2020-01-01T00:00:00Z" // there is no message 0 that after could name
		}
		page := read[models.Page[models.Message]](c, n, c.owner, harness.RoomPath(room)+"/messages?limit=200&"+from)
		for _, m := range page.Items {
			after++
			if m.ID != after {
				c.reportFlaw("room %d at %s: got message %d in the history, want %d", room, n.name, m.ID, after)
				return keys
			}
			keys = append(keys, keyOf(m.Text))
		}
		if page.NextCursor == "" || len(page.Items) == 0 {
			return keys
		}
	}
}

// difference describes the first difference of two lists of keys.
func difference(before int64, one, other []int64) string {
	for i := range max(len(one), len(other)) {
		switch id := before + int64(i) + 1; {
		case i >= len(one):
			return fmt.Sprintf("message %d is missing and key %d", id, other[i])
		case i >= len(other):
			return fmt.Sprintf("message %d is key %d and missing", id, one[i])
		case one[i] != other[i]:
			return fmt.Sprintf("message %d is key %d and key %d", id, one[i], other[i])
		}
	}
	return "nowhere"
}

func (c *workload) checkReaders(before lastMessages, stored map[int64][]int64) {
	for _, r := range c.readers {
		r.mu.Lock()
		for _, room := range r.rooms {
			if !slices.Equal(stored[room], r.seen[room]) {
				c.reportFlaw("%s: the history of room %d and the received messages differ: %s",
					r.name, room, difference(before[room], stored[room], r.seen[room]))
			}
		}
		clear(r.seen)
		r.mu.Unlock()
	}
}

// checkSends checks that each acknowledged message is stored once, under the acknowledged id, that each message that
// was given up is stored at most once, and that nothing else is stored.
func (c *workload) checkSends(before lastMessages, stored map[int64][]int64) {
	c.mu.Lock()
	sent := c.sent
	c.mu.Unlock()
	places := map[int64]messageID{}
	for room, keys := range stored {
		for i, key := range keys {
			at := messageID{room, before[room] + int64(i) + 1}
			was, twice := places[key]
			acked, isAcked := sent.acked[key]
			doubted, isDoubted := sent.doubted[key]
			switch {
			case twice:
				c.reportFlaw("key %d is stored twice: as message %d of room %d and message %d of room %d",
					key, was.id, was.room, at.id, room)
			case isAcked && acked != at:
				c.reportFlaw("key %d was acknowledged as message %d of room %d and is stored as message %d of room %d",
					key, acked.id, acked.room, at.id, room)
			case isDoubted && doubted != room, !isAcked && !isDoubted:
				c.reportFlaw("key %d, message %d of room %d, was sent by no client", key, at.id, room)
			}
			places[key] = at
			c.countOwn(key, room)
		}
	}
	for key, at := range sent.acked {
		if _, ok := places[key]; !ok {
			c.reportFlaw("key %d was acknowledged as message %d of room %d and is not stored", key, at.id, at.room)
		}
	}
}

// countOwn counts a stored message for its sender: it is not unread for them.
func (c *workload) countOwn(key, room int64) {
	sender := senderOf(key)
	if c.ownCounts[sender] == nil {
		c.ownCounts[sender] = map[int64]int64{}
	}
	c.ownCounts[sender][room]++
}

// checkCounts checks a room's counts at each node, and its list of members at one node.
func (c *workload) checkCounts(room, last int64) {
	var members int64
	c.locked(func() { members = int64(len(c.members[room])) })
	for _, n := range c.nodes {
		got := c.getRoom(n, room)
		if got.MessageCount != last || got.LastMessageID != last {
			c.reportFlaw("room %d at %s: got message_count %d and last_message_id %d, want %d",
				room, n.name, got.MessageCount, got.LastMessageID, last)
		}
		if got.MemberCount != members {
			c.reportFlaw("room %d at %s: got member_count %d, want %d", room, n.name, got.MemberCount, members)
		}
	}
	listed := map[int64]bool{}
	for cursor := ""; ; {
		path := harness.RoomPath(room) + "/members?limit=200&cursor=" + cursor
		page := read[models.Page[models.Member]](c, c.anyNode(), c.owner, path)
		for _, m := range page.Items {
			listed[m.User.ID] = true
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if int64(len(listed)) != members {
		c.reportFlaw("room %d: got %d members in the list, want %d", room, len(listed), members)
	}
}
