//go:build unix

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

const (
	// removalLimit bounds how long after the answer a removed or logged-out user may be told anything newer; goneFromBroken
	// the same on a node that is broken.
	removalLimit             = time.Second
	removalLimitOnBrokenNode = 5 * time.Second
	// wakeUpLimit bounds how long one message takes that no other one follows: a node that missed it has nothing to wake
	// it.
	wakeUpLimit = time.Second
	// clockTolerance is what the test's own clock may be off on a machine that is busy.
	clockTolerance = 500 * time.Millisecond
)

// removal is a user who is taken out of a room, or whose session ends, while a node is broken and a stream is open.
type removal struct {
	kind   string
	reader *streamReader
	method string
	path   func(room int64, who *harness.Client) string
	body   any
	self   bool // it is the user's own request

	answered time.Time
}

// removalKinds are how a user ceases to be told of a room.
var removalKinds = []removal{
	{kind: "banned", method: "PUT", path: harness.BanPath, body: models.NewBan{}},
	{kind: "removed", method: "DELETE", path: harness.MemberPath},
	{kind: "left", method: "DELETE", path: func(room int64, _ *harness.Client) string { return harness.RoomPath(room) + "/members/me" }, self: true},
	{kind: "logged out", method: "DELETE", path: func(int64, *harness.Client) string { return "/v1/sessions/current" }, self: true},
}

// openRemovalStreams opens a stream at each node for one who departs in each way, and waits until they read. Each is in a busy
// room, and in the lounge, where the mark will be set.
func (c *workload) openRemovalStreams() []*removal {
	var list []*removal
	for i, n := range c.nodes {
		for j, d := range removalKinds {
			room := c.rooms[(i*len(removalKinds)+j)%len(c.rooms)]
			r := &streamReader{
				workload: c, name: fmt.Sprintf("the one who is %s at %s", d.kind, n.name), home: n, removalExpected: true, entersRooms: i%2 == 0,
				rooms: []int64{room, c.quietRoom},
			}
			d.reader = r
			list = append(list, &d)
		}
	}
	forEachParallel(list, func(_ int, d *removal) { d.reader.client = c.addAccount("departs", d.reader.rooms) })
	for _, d := range list {
		d.reader.start()
	}
	for _, d := range list {
		select {
		case <-d.reader.started:
		case <-time.After(harness.Timeout):
			c.reportFlaw("%s could not open a stream", d.reader.name)
		}
	}
	return list
}

// performRemovals makes all of them go, each at a moment of its own. The requests are made at the nodes that are given.
func (c *workload) performRemovals(list []*removal, nodes []*clusterNode) {
	var going sync.WaitGroup
	for _, d := range list {
		going.Go(func() {
			<-time.After(rand.N(2 * time.Second))
			d.perform(nodes)
		})
	}
	going.Wait()
}

// perform makes one go. A second attempt may find that the first one, whose answer was lost, has done it.
func (d *removal) perform(nodes []*clusterNode) {
	r := d.reader
	caller := r.owner
	if d.self {
		caller = r.client
	}
	a, err := r.callUntilAnswered(context.Background(), caller, nodes, d.method, d.path(r.rooms[0], r.client), d.body)
	switch {
	case err != nil:
		r.reportFlaw("%s: %v", r.name, err)
	case a.HTTP.StatusCode >= 300 && a.HTTP.StatusCode != 401 && a.HTTP.StatusCode != 404:
		r.reportFlaw("%s: %v", r.name, a)
	}
	r.locked(func() {
		d.answered = time.Now()
		if d.kind != "logged out" {
			delete(r.members[r.rooms[0]], r.client.User.ID)
		}
	})
}

// noticedAt is when the reader learned that it is out, by the event or by the end of its stream.
func (d *removal) noticedAt() time.Time {
	r := d.reader
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case d.kind != "logged out":
		return r.removedAt
	case !r.revokedAt.IsZero():
		return r.revokedAt
	}
	return r.refusedAt
}

func (r *streamReader) streamEndedAt() time.Time {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.endedAt
}

// awaitRemovals wants each to be out in time, and answers the longest that one at a sound node took. broken says
// which nodes are, and until when.
func (c *workload) awaitRemovals(list []*removal, broken func(*clusterNode) bool, healed time.Time) (longest time.Duration) {
	c.waitFor(func() bool {
		return !slices.ContainsFunc(list, func(d *removal) bool { return d.noticedAt().IsZero() })
	})
	for _, d := range list {
		from, most := d.answered, removalLimit
		if broken(d.reader.home) {
			most = removalLimitOnBrokenNode
			if healed.After(from) {
				from = healed
			}
		}
		at := d.noticedAt()
		if expelled := d.reader.streamEndedAt(); broken(d.reader.home) && !expelled.IsZero() && expelled.Before(at) {
			at = expelled // a node that knows of nothing newer ends its streams
		}
		took := at.Sub(from)
		switch {
		case at.IsZero():
			c.reportFlaw("%s never learned of it; it reads from %s", d.reader.name, d.reader.lastPosition())
		case took > most+clockTolerance:
			c.reportFlaw("%s learned of it %v late, where %v are allowed", d.reader.name, took, most)
		case most == removalLimit:
			longest = max(longest, took)
		}
	}
	return longest
}

// lastPosition is the node that the reader reads from, and how far it is.
func (r *streamReader) lastPosition() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%s, after event %s", r.node, r.lastID)
}

// checkAfterRemovals says something in the lounge and reads each stream up to it, so that all that was to come has
// come.
func (c *workload) checkAfterRemovals(list []*removal) {
	c.noHops.Store(true)
	defer c.noHops.Store(false)
	a, err := c.callUntilAnswered(context.Background(), c.owner, c.nodes, "POST", harness.RoomPath(c.quietRoom)+"/messages",
		models.NewMessage{Text: textWith(c.nextKey(maxSenders - 1))}, "Idempotency-Key", harness.UniqueName("mark"))
	var m models.Message
	if err != nil || a.HTTP.StatusCode != 201 || (harness.Event{Data: string(a.Body)}).Decode(&m) != nil {
		c.reportFlaw("the mark could not be set: %v %v", a, err)
		return
	}
	told := time.Now()
	comes := func(d *removal) bool { return d.kind == "logged out" || d.reader.hasRead(m.RoomID, m.ID) }
	c.waitFor(func() bool {
		return !slices.ContainsFunc(list, func(d *removal) bool { return !comes(d) })
	})
	for _, d := range list {
		if !comes(d) {
			c.reportFlaw("%s does not come to the mark; it reads from %s", d.reader.name, d.reader.lastPosition())
		}
	}
	if took := time.Since(told); took > wakeUpLimit+clockTolerance && !c.hasFlaws() {
		c.reportFlaw("when nothing else was said any more, a message took %v to come to all", took.Round(time.Millisecond))
	}
	for _, d := range list {
		d.reader.cancel()
		<-d.reader.done
	}
}
