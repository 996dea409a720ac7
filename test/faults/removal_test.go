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
	// removalLimit bounds how long after the response a removed or logged-out user may still receive newer events;
	// removalLimitOnBrokenNode is the same for a stream at a broken node.
	removalLimit             = time.Second
	removalLimitOnBrokenNode = 5 * time.Second
	// wakeUpLimit bounds how long a single message takes: if a node missed its wake-up, no later message wakes it.
	wakeUpLimit = time.Second
	// clockTolerance is how late the test itself may notice something on a busy machine.
	clockTolerance = 500 * time.Millisecond
)

// removal is the removal of a user from a room, or the end of a session, while a node is broken and the user's stream
// is open.
type removal struct {
	kind   string
	reader *streamReader
	method string
	path   func(room int64, user *harness.Client) string
	body   any
	self   bool // the user makes the request, not the owner of the room

	respondedAt time.Time // when the response arrived
}

// removalKinds are the ways in which a user loses access to a room.
var removalKinds = []removal{
	{kind: "banned", method: "PUT", path: harness.BanPath, body: models.NewBan{}},
	{kind: "removed", method: "DELETE", path: harness.MemberPath},
	{kind: "left", method: "DELETE", self: true, path: func(room int64, _ *harness.Client) string {
		return harness.RoomPath(room) + "/members/me"
	}},
	{kind: "logged out", method: "DELETE", self: true, path: func(int64, *harness.Client) string {
		return "/v1/sessions/current"
	}},
}

// openRemovalStreams opens a stream at each node for each kind of removal, and waits until all are open. Each user is
// in a busy room, and in the quiet room, which gets the marker message later.
func (c *workload) openRemovalStreams() []*removal {
	var list []*removal
	for i, n := range c.nodes {
		for j, d := range removalKinds {
			room := c.rooms[(i*len(removalKinds)+j)%len(c.rooms)]
			r := &streamReader{
				workload: c, name: fmt.Sprintf("user (%s) at %s", d.kind, n.name), home: n,
				removalExpected: true, entersRooms: i%2 == 0, rooms: []int64{room, c.quietRoom},
			}
			d.reader = r
			list = append(list, &d)
		}
	}
	forEachParallel(list, func(_ int, d *removal) { d.reader.client = c.addAccount("removed", d.reader.rooms) })
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

// performRemovals performs all removals, at random times within two seconds. The requests are sent to the given nodes.
func (c *workload) performRemovals(list []*removal, nodes []*clusterNode) {
	var working sync.WaitGroup
	for _, d := range list {
		working.Go(func() {
			<-time.After(rand.N(2 * time.Second))
			d.perform(nodes)
		})
	}
	working.Wait()
}

// perform sends the request. A second attempt may find that the first one succeeded, although its response was lost.
func (d *removal) perform(nodes []*clusterNode) {
	r := d.reader
	caller := r.owner
	if d.self {
		caller = r.client
	}
	a, err := r.callUntilAvailable(context.Background(), caller, nodes, d.method, d.path(r.rooms[0], r.client), d.body)
	switch {
	case err != nil:
		r.reportFlaw("%s: %v", r.name, err)
	case a.HTTP.StatusCode >= 300 && a.HTTP.StatusCode != 401 && a.HTTP.StatusCode != 404:
		r.reportFlaw("%s: %v", r.name, a)
	}
	r.locked(func() {
		d.respondedAt = time.Now()
		if d.kind != "logged out" {
			delete(r.members[r.rooms[0]], r.client.User.ID)
		}
	})
}

// noticedAt returns when the reader learned of its removal, by the event or by the end of its stream. It is zero
// before.
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

// awaitRemovals checks that each removal takes effect in time, and returns the longest time at an unbroken node. broken
// reports whether a node was broken, until healed.
func (c *workload) awaitRemovals(
	list []*removal, broken func(*clusterNode) bool, healed time.Time,
) (longest time.Duration) {
	c.waitFor(func() bool {
		return !slices.ContainsFunc(list, func(d *removal) bool { return d.noticedAt().IsZero() })
	})
	for _, d := range list {
		from, most := d.respondedAt, removalLimit
		if broken(d.reader.home) {
			most = removalLimitOnBrokenNode
			if healed.After(from) {
				from = healed
			}
		}
		at := d.noticedAt()
		if ended := d.reader.streamEndedAt(); broken(d.reader.home) && !ended.IsZero() && ended.Before(at) {
			at = ended // a node that gets no newer events ends its streams
		}
		took := at.Sub(from)
		switch {
		case at.IsZero():
			c.reportFlaw("%s never noticed; it reads from %s", d.reader.name, d.reader.lastPosition())
		case took > most+clockTolerance:
			c.reportFlaw("%s noticed after %v, want at most %v", d.reader.name, took, most)
		case most == removalLimit:
			longest = max(longest, took)
		}
	}
	return longest
}

// lastPosition returns the node that the reader reads from, and its last event id.
func (r *streamReader) lastPosition() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return fmt.Sprintf("%s, after event %s", r.node, r.lastID)
}

// checkAfterRemovals sends a marker message to the quiet room and waits until each stream has it, so that anything sent
// before the marker has arrived too.
func (c *workload) checkAfterRemovals(list []*removal) {
	c.noHops.Store(true)
	defer c.noHops.Store(false)
	path := harness.RoomPath(c.quietRoom) + "/messages"
	a, err := c.callUntilAvailable(context.Background(), c.owner, c.nodes, "POST", path,
		models.NewMessage{Text: textWith(c.nextKey(maxSenders - 1))}, "Idempotency-Key", harness.UniqueName("mark"))
	var m models.Message
	if err != nil || a.HTTP.StatusCode != 201 || (harness.Event{Data: string(a.Body)}).Decode(&m) != nil {
		c.reportFlaw("the marker message could not be sent: %v %v", a, err)
		return
	}
	sent := time.Now()
	received := func(d *removal) bool { return d.kind == "logged out" || d.reader.hasRead(m.RoomID, m.ID) }
	c.waitFor(func() bool {
		return !slices.ContainsFunc(list, func(d *removal) bool { return !received(d) })
	})
	for _, d := range list {
		if !received(d) {
			c.reportFlaw("%s did not receive the marker; it reads from %s", d.reader.name, d.reader.lastPosition())
		}
	}
	if took := time.Since(sent); took > wakeUpLimit+clockTolerance && !c.hasFlaws() {
		c.reportFlaw("a single message took %v to reach all readers, want at most %v",
			took.Round(time.Millisecond), wakeUpLimit)
	}
	for _, d := range list {
		d.reader.cancel()
		<-d.reader.done
	}
}
