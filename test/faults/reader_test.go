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

// streamReader reads the messages of its rooms and hops from node to node, continuing after the last event id that it
// got. It checks that it receives each message once and in order.
type streamReader struct {
	*workload
	client          *harness.Client
	name            string
	rooms           []int64
	entersRooms     bool         // is present in its rooms, and so gets message.created, not message.notification
	polls           bool         // reads pages of the log, not a stream
	proxied         bool         // connects through the proxies
	removalExpected bool         // will be removed from its first room or logged out
	home            *clusterNode // where it opens and keeps its first stream; nil for one that hops

	hops    atomic.Int64
	started chan struct{} // closed once the first stream is open
	cancel  context.CancelFunc
	done    chan struct{} // closed when reading has ended

	mu        sync.Mutex
	node      string // the node that it reads from
	lastID    string
	next      map[int64]int64   // room → the next message id
	seen      map[int64][]int64 // room → keys received in this run
	removedAt time.Time         // when it learned of its removal from its first room
	revokedAt time.Time         // when it learned that its session was revoked
	refusedAt time.Time         // when a stream was refused because it is logged out
	endedAt   time.Time         // when its home ended its stream
	lastEvent string            // the name of the last event
}

func newStreamReader(c *workload, i int) *streamReader {
	r := &streamReader{
		workload: c, name: fmt.Sprintf("reader-%d", i),
		entersRooms: i%2 == 0, polls: i%10 == 9, proxied: i%3 == 0,
	}
	for k := range 1 + (i%6+1)/3 { // of six readers, two are in one room, three in two, one in three
		r.rooms = append(r.rooms, c.rooms[(i+k*3)%len(c.rooms)])
	}
	return r
}

// start starts reading, until r.cancel is called or the workload ends.
func (r *streamReader) start() {
	r.next, r.seen = map[int64]int64{}, map[int64][]int64{}
	r.started, r.done = make(chan struct{}), make(chan struct{})
	ctx, cancel := context.WithCancel(r.readContext)
	r.cancel = cancel
	r.reading.Go(func() {
		defer close(r.done)
		a, err := r.callUntilAvailable(ctx, r.client, r.nodes, "GET", "/v1/rooms", nil)
		if err != nil {
			r.reportFlaw("%s could not start: %v", r.name, err)
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

// setPositions sets the positions in the log and in the rooms from which the reader starts.
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

// handleEnd checks that a node that shuts down in order announced the end of the stream.
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

// handleRefusal records that a stream was refused because the session is revoked. Any other refusal is a flaw.
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
		a, err := r.client.AtServer(n.address(r.proxied)).TryCall(
			asking, "GET", "/v1/events/log?limit=200&after="+after, nil)
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
