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

// readTimeout bounds how long readers may take to read all once nobody sends any more. A reader hops within ten seconds.
const readTimeout = 45 * time.Second

// waitFor waits until condition, but no longer than readers may take, and not once somebody has complained: what went wrong
// then may well keep all others waiting.
func (c *workload) waitFor(condition func() bool) {
	pollUntil(readTimeout, func() bool { return c.hasFlaws() || condition() })
}

// lastMessages is how far the rooms were when a run began: what came before has been compared.
type lastMessages map[int64]int64

// readLastMessages asks how far each room is.
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

// read reads what is at path, as somebody, from one node. Where that fails, the test has.
func read[T any](c *workload, n *clusterNode, as *harness.Client, path string) (v T) {
	a, err := c.callUntilAnswered(context.Background(), as, []*clusterNode{n}, "GET", path, nil)
	if err != nil || a.HTTP.StatusCode != 200 || (harness.Event{Data: string(a.Body)}).Decode(&v) != nil {
		c.reportFlaw("%s does not answer %s: %v %v", n.name, path, a, err)
	}
	return v
}

// check compares all that was seen in a run with all that is stored: at every node, in every room, for every reader.
func (c *workload) check(before lastMessages) {
	after := c.readLastMessages()
	c.awaitReaders(after)
	complete := !c.hasFlaws() // or else nobody waited until the readers had all
	stored := c.histories(before, after)
	if complete {
		c.checkReaders(before, stored)
	}
	c.checkSends(before, stored)
	forEachParallel(c.rooms, func(_ int, room int64) { c.checkCounts(room, after[room]) })
	c.checkUnread(after)
}

// awaitReaders waits until every reader has come to the end of its rooms.
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
			due := r.next[room]
			r.mu.Unlock()
			c.reportFlaw("%s waits for message %d of room %d, which has %d; it reads from %s", r.name, due, room, after[room], r.lastPosition())
		}
	}
}

// histories are the keys of each room's messages of this run, which must be the same at each node.
func (c *workload) histories(before, after lastMessages) map[int64][]int64 {
	lists := make([][]int64, len(c.rooms))
	forEachParallel(c.rooms, func(i int, room int64) {
		for _, n := range c.nodes {
			keys := c.history(n, room, before[room])
			if int64(len(keys)) != after[room]-before[room] {
				c.reportFlaw("room %d at %s: %d messages after %d, though the last is %d", room, n.name, len(keys), before[room], after[room])
			}
			if lists[i] != nil && !slices.Equal(lists[i], keys) {
				c.reportFlaw("room %d: %s and %s have other histories: %s", room, c.nodes[0].name, n.name, difference(before[room], lists[i], keys))
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

// history reads the keys of a room's messages after an id, which must have ids without a gap.
func (c *workload) history(n *clusterNode, room, after int64) []int64 {
	keys := []int64{}
	for {
		from := fmt.Sprintf("after=%d", after)
		if after == 0 {
			from = "since=2020-01-01T00:00:00Z" // there is no message 0 to begin after
		}
		page := read[models.Page[models.Message]](c, n, c.owner, harness.RoomPath(room)+"/messages?limit=200&"+from)
		for _, m := range page.Items {
			after++
			if m.ID != after {
				c.reportFlaw("room %d at %s: message %d stands where %d is due", room, n.name, m.ID, after)
				return keys
			}
			keys = append(keys, keyOf(m.Text))
		}
		if page.NextCursor == "" || len(page.Items) == 0 {
			return keys
		}
	}
}

// difference tells where two lists of keys first differ.
func difference(before int64, one, other []int64) string {
	for i := range max(len(one), len(other)) {
		switch id := before + int64(i) + 1; {
		case i >= len(one):
			return fmt.Sprintf("nothing and, as message %d, key %d", id, other[i])
		case i >= len(other):
			return fmt.Sprintf("key %d as message %d, and nothing", one[i], id)
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
				c.reportFlaw("%s saw other than the history of room %d: %s", r.name, room, difference(before[room], stored[room], r.seen[room]))
			}
		}
		clear(r.seen)
		r.mu.Unlock()
	}
}

// checkSends wants what was acknowledged to be stored once, where it was acknowledged to be, and what was given up at
// most once; and nothing else.
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
				c.reportFlaw("key %d is stored twice: as message %d of room %d and message %d of room %d", key, was.id, was.room, at.id, room)
			case isAcked && acked != at:
				c.reportFlaw("key %d was acknowledged as message %d of room %d and is stored as message %d of room %d",
					key, acked.id, acked.room, at.id, room)
			case isDoubted && doubted != room, !isAcked && !isDoubted:
				c.reportFlaw("key %d, message %d of room %d, is nobody's", key, at.id, room)
			}
			places[key] = at
			c.countOwned(key, room)
		}
	}
	for key, at := range sent.acked {
		if _, ok := places[key]; !ok {
			c.reportFlaw("key %d was acknowledged as message %d of room %d and is not stored", key, at.id, at.room)
		}
	}
}

// countOwned counts a stored message for its sender, to whom it is not unread.
func (c *workload) countOwned(key, room int64) {
	sender := senderOf(key)
	if c.ownCounts[sender] == nil {
		c.ownCounts[sender] = map[int64]int64{}
	}
	c.ownCounts[sender][room]++
}

// checkCounts holds a room's counts at each node against what is known, and its list of members at one.
func (c *workload) checkCounts(room, last int64) {
	var members int64
	c.locked(func() { members = int64(len(c.members[room])) })
	for _, n := range c.nodes {
		got := c.getRoom(n, room)
		if got.MessageCount != last || got.LastMessageID != last {
			c.reportFlaw("room %d at %s: message_count %d, last_message_id %d; there are %d", room, n.name, got.MessageCount, got.LastMessageID, last)
		}
		if got.MemberCount != members {
			c.reportFlaw("room %d at %s: member_count %d; there are %d", room, n.name, got.MemberCount, members)
		}
	}
	listed := map[int64]bool{}
	for cursor := ""; ; {
		page := read[models.Page[models.Member]](c, c.anyNode(), c.owner, harness.RoomPath(room)+"/members?limit=200&cursor="+cursor)
		for _, m := range page.Items {
			listed[m.User.ID] = true
		}
		if cursor = page.NextCursor; cursor == "" {
			break
		}
	}
	if int64(len(listed)) != members {
		c.reportFlaw("room %d lists %d members; there are %d", room, len(listed), members)
	}
}
