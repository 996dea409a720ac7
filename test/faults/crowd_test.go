//go:build unix

package faults

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// crowdSize is how many send and read, and where. What a message costs grows with the readers of a room.
type crowdSize struct {
	senders, readers, rooms int
	rate                    int // messages a second, of all senders together
}

var (
	fullCrowd  = crowdSize{senders: 100, readers: 300, rooms: 20, rate: 660}
	smallCrowd = crowdSize{senders: 12, readers: 18, rooms: 3, rate: 240}
)

// throng is those who send and read on a fleet, and what they know of it.
type throng struct {
	*fleet
	t       testing.TB
	size    crowdSize
	owner   *harness.Client // of all rooms
	rooms   []int64
	senders []*crowdSender
	readers []*crowdReader
	watched []*crowdReader // whose presence is compared
	lounge  int64          // the room that those are in

	keys    atomic.Int64 // of the messages, in the order in which they were begun
	latency recorder

	mu      sync.Mutex
	label   string // which fault, which run
	flaws   int
	members map[int64]map[int64]bool // room → users
	own     map[int]map[int64]int64  // sender → room → stored messages
	sent    sendings
	ending  sync.WaitGroup // of the readers
	reading context.Context
	still   atomic.Bool     // nobody hops, which other nodes would be told of
	orderly bool            // no node may end a stream without saying so
	asked   []time.Duration // in which servers that closed asked readers to come back
}

// sendings are what became of the messages of a run.
type sendings struct {
	acked   map[int64]posted // key → where it was acknowledged to be
	doubted map[int64]int64  // key → room, of those that were given up
	retries int              // attempts that failed
	repeats int              // of acknowledged ones under their key
	lost    []string         // failed attempts, where none may fail
}

// posted is a message's room and id.
type posted struct{ room, id int64 }

func newSendings() sendings { return sendings{acked: map[int64]posted{}, doubted: map[int64]int64{}} }

// gather makes a crowd, all of them members of their rooms, the readers reading.
func gather(t testing.TB, f *fleet, size crowdSize) *throng {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &throng{fleet: f, t: t, size: size, members: map[int64]map[int64]bool{}, own: map[int]map[int64]int64{}, sent: newSendings(), reading: ctx}
	base := &harness.Client{T: t, HTTP: f.http, URL: f.nodes[0].URL}
	c.owner = base.NewGuestNamed("owner")
	for range size.rooms {
		c.rooms = append(c.rooms, c.newRoom("room"))
	}
	c.lounge = c.newRoom("lounge")
	for i := range size.senders {
		c.senders = append(c.senders, newCrowdSender(c, i))
	}
	for i := range size.readers {
		c.readers = append(c.readers, newCrowdReader(c, i))
	}
	all(c.senders, func(_ int, s *crowdSender) { s.client = c.enlist(fmt.Sprintf("sender-%d", s.index), s.rooms) })
	all(c.readers, func(_ int, r *crowdReader) { r.client = c.enlist(r.name, r.rooms) })
	if t.Failed() {
		t.FailNow()
	}
	for _, r := range c.readers {
		r.start()
	}
	c.watch()
	t.Cleanup(func() { stop(); c.ending.Wait() })
	return c
}

func (c *throng) newRoom(name string) int64 {
	c.t.Helper()
	id := c.owner.CreateRoom(models.NewRoom{Name: harness.Ptr(name)}).ID
	c.members[id] = map[int64]bool{c.owner.User.ID: true}
	return id
}

// enlist is a client for a new guest who is a member of the rooms. Where it fails, the test has.
func (c *throng) enlist(name string, rooms []int64) *harness.Client {
	return c.admit(name, rooms, "/v1/sessions", map[string]any{"username": harness.UniqueName(name), "guest": true})
}

// enlistAccount is enlist for an account, which outlives its sessions.
func (c *throng) enlistAccount(name string, rooms []int64) *harness.Client {
	return c.admit(name, rooms, "/v1/users", models.NewUser{Username: harness.UniqueName(name), Password: harness.Password})
}

func (c *throng) admit(name string, rooms []int64, path string, body any) *harness.Client {
	guest := &harness.Client{T: c.t, HTTP: c.http}
	a, err := c.insist(context.Background(), guest, c.nodes, "POST", path, body)
	if err != nil || a.HTTP.StatusCode != 201 || (harness.Event{Data: string(a.Body)}).Decode(&guest.Session) != nil {
		c.complain("%s could not come in: %v %v", name, a, err)
		return guest
	}
	for _, room := range rooms {
		a, err := c.insist(context.Background(), guest, c.nodes, "PUT", harness.RoomPath(room)+"/members/me", nil)
		if err != nil || a.HTTP.StatusCode != 200 {
			c.complain("%s could not join: %v %v", name, a, err)
			continue
		}
		c.note(func() { c.members[room][guest.User.ID] = true })
	}
	return guest
}

// mostSenders bounds their number: a message's key ends in its sender's index.
const mostSenders = 1000

// nextKey is the key of a sender's next message.
func (c *throng) nextKey(sender int) int64 { return c.keys.Add(1)*mostSenders + int64(sender) }

func senderOf(key int64) int { return int(key % mostSenders) }

func (c *throng) note(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// mostFlaws are told of one run: the first ones tell what is wrong, the rest follow from it.
const mostFlaws = 12

// complain fails the test with what somebody saw.
func (c *throng) complain(format string, args ...any) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flaws++
	switch {
	case c.flaws <= mostFlaws:
		c.t.Errorf("%s: %s", c.label, fmt.Sprintf(format, args...))
	case c.flaws == mostFlaws+1:
		c.t.Errorf("%s: and more", c.label)
	}
}

// flawed reports whether anybody has complained of this run.
func (c *throng) flawed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flaws > 0
}

func (c *throng) acknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sent.acked)
}

// startSending lets all senders send until the answer is called, which waits until what they have begun is done.
func (c *throng) startSending() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var sending sync.WaitGroup
	for _, s := range c.senders {
		sending.Go(func() { s.run(ctx) })
	}
	return func() {
		cancel()
		sending.Wait()
	}
}

// until waits until isSo, no longer than a time. It reports whether it came to be.
func until(most time.Duration, isSo func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(most); !isSo(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
