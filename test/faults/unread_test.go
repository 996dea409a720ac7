//go:build unix

package faults

import (
	"context"
	"fmt"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// checkUnread checks the unread counts of all readers and of some senders. A fourth of the readers first set their read
// mark to a few messages before the last.
func (c *workload) checkUnread(after lastMessages) {
	forEachParallel(c.readers, func(i int, r *streamReader) {
		left := map[int64]int64{}
		for _, room := range r.rooms {
			left[room] = after[room]
			if i%4 == 0 && after[room] > 0 {
				left[room] = min(int64(i%7), after[room]-1)
				c.markRead(r.client, room, after[room]-left[room])
			}
		}
		c.expectUnread(r.name, r.client, left)
	})
	forEachParallel(c.senders, func(i int, s *messageSender) {
		if i%10 > 0 {
			return
		}
		left := map[int64]int64{}
		for _, room := range s.rooms {
			left[room] = after[room] - c.ownCounts[s.index][room]
		}
		c.expectUnread(fmt.Sprintf("sender-%d", s.index), s.client, left)
	})
}

func (c *workload) markRead(as *harness.Client, room, id int64) {
	path := harness.RoomPath(room) + "/read"
	a, err := c.callUntilAvailable(context.Background(), as, c.nodes, "PUT", path, models.ReadMark{MessageID: id})
	if err != nil || a.HTTP.StatusCode >= 300 {
		c.reportFlaw("%s could not be marked as read: %v %v", harness.RoomPath(room), a, err)
	}
}

func (c *workload) expectUnread(name string, as *harness.Client, left map[int64]int64) {
	n := c.anyNode()
	rooms := read[models.Page[models.Room]](c, n, as, "/v1/rooms?limit=200")
	for _, room := range rooms.Items {
		if want, known := left[room.ID]; known && room.Membership.UnreadCount != want {
			c.reportFlaw("%s at %s: room %d has %d unread of %d messages, want %d",
				name, n.name, room.ID, room.Membership.UnreadCount, room.MessageCount, want)
		}
	}
	if len(rooms.Items) < len(left) {
		c.reportFlaw("%s at %s has %d rooms, want %d", name, n.name, len(rooms.Items), len(left))
	}
}
