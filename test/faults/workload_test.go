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

// workloadSize is the number of clients and rooms. The cost of a message grows with the readers of its room.
type workloadSize struct {
	senders, readers, rooms int
	rate                    int // messages per second, of all senders together
}

var (
	fullSize  = workloadSize{senders: 100, readers: 300, rooms: 20, rate: 660}
	smallSize = workloadSize{senders: 12, readers: 18, rooms: 3, rate: 240}
)

// workload is the clients that send and read on a cluster, and what they have received.
type workload struct {
	*testCluster
	t         testing.TB
	size      workloadSize
	owner     *harness.Client // of all rooms
	rooms     []int64
	senders   []*messageSender
	readers   []*streamReader
	watched   []*streamReader // whose presence is checked
	quietRoom int64           // the room of the watched users, without other messages

	keys    atomic.Int64 // the last message key given out
	latency recorder

	mu              sync.Mutex
	label           string // fault and run
	flaws           int
	members         map[int64]map[int64]bool // room → users
	ownCounts       map[int]map[int64]int64  // sender → room → stored messages
	sent            sendResults
	reading         sync.WaitGroup // of the readers
	readContext     context.Context
	noHops          atomic.Bool     // set while readers must not change nodes, which causes events at the other nodes
	orderly         bool            // set while nodes may end streams only with server.closing
	reconnectDelays []time.Duration // from server.closing, of all readers
}

// sendResults are the results of the sends of a run.
type sendResults struct {
	acked    map[int64]messageID // key → acknowledged message
	doubted  map[int64]int64     // key → room, of messages that were given up
	retries  int                 // attempts that failed
	repeats  int                 // of acknowledged messages, with the same key
	failures []string            // descriptions of the failed attempts
}

// messageID is a message's room and id.
type messageID struct{ room, id int64 }

func newSendResults() sendResults {
	return sendResults{acked: map[int64]messageID{}, doubted: map[int64]int64{}}
}

// startWorkload signs all clients up, makes them members of their rooms, and starts the readers.
func startWorkload(t testing.TB, f *testCluster, size workloadSize) *workload {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	c := &workload{
		testCluster: f, t: t, size: size, members: map[int64]map[int64]bool{}, ownCounts: map[int]map[int64]int64{},
		sent: newSendResults(), readContext: ctx,
	}
	base := &harness.Client{T: t, HTTP: f.http, URL: f.nodes[0].URL}
	c.owner = base.NewGuestNamed("owner")
	for range size.rooms {
		c.rooms = append(c.rooms, c.newRoom("room"))
	}
	c.quietRoom = c.newRoom("quiet")
	for i := range size.senders {
		c.senders = append(c.senders, newMessageSender(c, i))
	}
	for i := range size.readers {
		c.readers = append(c.readers, newStreamReader(c, i))
	}
	forEachParallel(c.senders, func(_ int, s *messageSender) {
		s.client = c.addGuest(fmt.Sprintf("sender-%d", s.index), s.rooms)
	})
	forEachParallel(c.readers, func(_ int, r *streamReader) { r.client = c.addGuest(r.name, r.rooms) })
	if t.Failed() {
		t.FailNow()
	}
	for _, r := range c.readers {
		r.start()
	}
	c.watchPresence()
	t.Cleanup(func() { stop(); c.reading.Wait() })
	return c
}

func (c *workload) newRoom(name string) int64 {
	c.t.Helper()
	id := c.owner.CreateRoom(models.NewRoom{Name: harness.Ptr(name)}).ID
	c.members[id] = map[int64]bool{c.owner.User.ID: true}
	return id
}

// addGuest returns a client of a new guest who is a member of the rooms. A failure fails the test.
func (c *workload) addGuest(name string, rooms []int64) *harness.Client {
	return c.addUser(name, rooms, "/v1/sessions", map[string]any{"username": harness.UniqueName(name), "guest": true})
}

// addAccount is addGuest for a registered user, who remains after the end of the session.
func (c *workload) addAccount(name string, rooms []int64) *harness.Client {
	user := models.NewUser{Username: harness.UniqueName(name), Password: harness.Password}
	return c.addUser(name, rooms, "/v1/users", user)
}

func (c *workload) addUser(name string, rooms []int64, path string, body any) *harness.Client {
	guest := &harness.Client{T: c.t, HTTP: c.http}
	a, err := c.callUntilAvailable(context.Background(), guest, c.nodes, "POST", path, body)
	if err != nil || a.HTTP.StatusCode != 201 || (harness.Event{Data: string(a.Body)}).Decode(&guest.Session) != nil {
		c.reportFlaw("%s could not sign up: %v %v", name, a, err)
		return guest
	}
	for _, room := range rooms {
		path := harness.RoomPath(room) + "/members/me"
		a, err := c.callUntilAvailable(context.Background(), guest, c.nodes, "PUT", path, nil)
		if err != nil || a.HTTP.StatusCode != 200 {
			c.reportFlaw("%s could not join: %v %v", name, a, err)
			continue
		}
		c.locked(func() { c.members[room][guest.User.ID] = true })
	}
	return guest
}

// maxSenders bounds the number of senders: the last three digits of a message's key are its sender's index.
const maxSenders = 1000

// nextKey returns the key of a sender's next message.
func (c *workload) nextKey(sender int) int64 { return c.keys.Add(1)*maxSenders + int64(sender) }

func senderOf(key int64) int { return int(key % maxSenders) }

func (c *workload) locked(f func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f()
}

// maxFlaws bounds the flaws that are printed for one run: later ones are mostly consequences of the first ones.
const maxFlaws = 12

// reportFlaw fails the test with a flaw that was found in this run.
func (c *workload) reportFlaw(format string, args ...any) {
	c.t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.flaws++
	switch {
	case c.flaws <= maxFlaws:
		c.t.Errorf("%s: %s", c.label, fmt.Sprintf(format, args...))
	case c.flaws == maxFlaws+1:
		c.t.Errorf("%s: more flaws are not printed", c.label)
	}
}

// hasFlaws reports whether a flaw was reported in this run.
func (c *workload) hasFlaws() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.flaws > 0
}

func (c *workload) acknowledged() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.sent.acked)
}

// startSending lets all senders send until stop is called. stop waits for the sends in progress.
func (c *workload) startSending() (stop func()) {
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

// pollUntil waits until condition is true, for the given time at most, and reports whether it became true.
func pollUntil(most time.Duration, condition func() bool) bool {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(most); !condition(); <-tick.C {
		if time.Now().After(deadline) {
			return false
		}
	}
	return true
}
