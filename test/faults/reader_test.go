//go:build unix

package faults

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// streamReader reads the messages of its rooms and hops from node to node, with the last id that it has. It wants each
// message once and in order.
type streamReader struct {
	*workload
	client          *harness.Client
	name            string
	rooms           []int64
	entersRooms     bool         // is in its rooms, and so gets message.created in place of message.notification
	polls           bool         // asks for pages of the log in place of a stream
	proxied         bool         // comes through the proxies
	removalExpected bool         // is about to be taken out of its first room, or to be logged out
	home            *clusterNode // where it opens its stream first, and stays as long as that lasts; nil for one who hops

	hops    atomic.Int64
	started chan struct{} // closed once the first stream is open
	cancel  context.CancelFunc
	done    chan struct{} // closed when it has ended

	mu        sync.Mutex
	node      string // the node that it reads from
	lastID    string
	next      map[int64]int64   // room → the id that comes next
	seen      map[int64][]int64 // room → keys, of this run
	mark      map[int64]bool    // keys that it was to wait for, of a room without a count of its own
	removedAt time.Time         // when it saw that it was taken out of its first room
	revokedAt time.Time         // when it saw that its session was ended
	refusedAt time.Time         // when it was refused as logged out
	endedAt   time.Time         // when the node that it keeps to ended its stream
	lastEvent string            // the name of the event that came last
}

func newStreamReader(c *workload, i int) *streamReader {
	r := &streamReader{workload: c, name: fmt.Sprintf("reader-%d", i), entersRooms: i%2 == 0, polls: i%10 == 9, proxied: i%3 == 0}
	for k := range 1 + (i%6+1)/3 { // one to three: of six readers two are in one room, three in two, one in three
		r.rooms = append(r.rooms, c.rooms[(i+k*3)%len(c.rooms)])
	}
	return r
}

// start begins to read, until it is cancelled or the workload ends.
func (r *streamReader) start() {
	r.next, r.seen, r.mark = map[int64]int64{}, map[int64][]int64{}, map[int64]bool{}
	r.started, r.done = make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(r.readContext)
	r.cancel = cancel
	r.reading.Go(func() {
		defer close(r.done)
		a, err := r.callUntilAnswered(ctx, r.client, r.nodes, "GET", "/v1/rooms", nil)
		if err != nil {
			r.reportFlaw("%s could not begin: %v", r.name, err)
			return
		}
		r.setPositions(a)
		if r.polls {
			r.poll(ctx)
		} else {
			r.readStreams(ctx)
		}
	})
}

// setPositions notes where the rooms stand as the reader begins.
func (r *streamReader) setPositions(a *harness.Response) {
	var page models.Page[models.Room]
	if err := json.Unmarshal(a.Body, &page); err != nil {
		r.reportFlaw("%s: %v: %v", r.name, a, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lastID = a.Header("Event-Cursor")
	for _, room := range page.Items {
		r.next[room.ID] = room.LastMessageID + 1
	}
}

// readStreams reads streams, one after the other.
func (r *streamReader) readStreams(ctx context.Context) {
	n := r.home
	for first := true; ctx.Err() == nil && r.refusedAt.IsZero(); first = false {
		if n == nil || !first {
			n = r.anyNode()
		}
		reading, cancel := context.WithCancel(ctx)
		var hop *time.Timer
		ready := make(chan struct{})
		hop = time.AfterFunc(2*time.Second+rand.N(8*time.Second), func() {
			<-ready
			if r.noHops.Load() {
				hop.Reset(time.Second)
				return
			}
			cancel()
		})
		close(ready)
		if r.home != nil {
			hop.Stop()
		}
		err := r.readStream(reading, n)
		hop.Stop()
		cancel()
		r.hops.Add(1)
		if err != nil && !errors.Is(err, context.Canceled) {
			pauseBriefly(ctx)
		}
	}
}

func (r *streamReader) readStream(ctx context.Context, n *clusterNode) error {
	query := ""
	if r.entersRooms {
		for _, id := range r.rooms {
			query += fmt.Sprintf("room=%d&", id)
		}
	}
	r.mu.Lock()
	r.node, r.lastEvent = n.name, ""
	lastID := r.lastID
	r.mu.Unlock()
	body, err := r.client.AtServer(n.address(r.proxied)).TryOpenStream(ctx, query, "Last-Event-ID", lastID)
	if err != nil {
		r.handleRefusal(err)
		return err
	}
	defer func() { _ = body.Close() }()
	err = harness.ReadEvents(body, r.handle)
	if ctx.Err() == nil {
		r.handleEnd(n, err)
	}
	return err
}

// handleEnd wants a stream that its node ended to have been told so, where all goes in order.
func (r *streamReader) handleEnd(n *clusterNode, err error) {
	r.mu.Lock()
	last := models.EventName(r.lastEvent)
	if n == r.home {
		r.endedAt = time.Now()
	}
	r.mu.Unlock()
	orderly := false
	r.locked(func() { orderly = r.orderly })
	if orderly && last != models.EventServerClosing && last != models.EventSessionRevoked {
		r.reportFlaw("%s: its stream at %s ended after %s, without server.closing: %v", r.name, n.name, last, err)
	}
}

// handleRefusal notes that a stream was refused since the session is over, which only one who was logged out may see.
func (r *streamReader) handleRefusal(err error) {
	var refusal *harness.StreamRefusedError
	if !errors.As(err, &refusal) || refusal.Status == http.StatusServiceUnavailable {
		return
	}
	r.mu.Lock()
	r.refusedAt = time.Now()
	r.mu.Unlock()
	if refusal.Status != http.StatusUnauthorized {
		r.reportFlaw("%s: %v", r.name, err)
	}
}

// poll reads the log page by page.
func (r *streamReader) poll(ctx context.Context) {
	for ctx.Err() == nil {
		n := r.anyNode()
		r.mu.Lock()
		r.node = n.name
		after := r.lastID
		r.mu.Unlock()
		asking, cancel := context.WithTimeout(ctx, attemptTimeout)
		a, err := r.client.AtServer(n.address(r.proxied)).TryCall(asking, "GET", "/v1/events?limit=200&after="+after, nil, "Accept", "application/json")
		cancel()
		if err == nil && a.HTTP.StatusCode == http.StatusOK {
			r.handlePage(a)
		} else if err == nil && a.HTTP.StatusCode != http.StatusServiceUnavailable {
			r.reportFlaw("%s: %v", r.name, a)
			return
		}
		r.hops.Add(1)
		select {
		case <-time.After(200*time.Millisecond + rand.N(300*time.Millisecond)):
		case <-ctx.Done():
		}
	}
}

func (r *streamReader) handlePage(a *harness.Response) {
	var page models.Page[models.Event]
	if err := json.Unmarshal(a.Body, &page); err != nil {
		r.reportFlaw("%s: %v: %v", r.name, a, err)
		return
	}
	for _, e := range page.Items {
		r.handle(harness.Event{ID: e.ID, Name: string(e.Name), Data: string(e.Data)})
	}
}
