package loadtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"math"
	"net/http"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

const (
	// interruptedWait is how long whoever interrupts a run waits for what is still to come, at most.
	interruptedWait = 2 * time.Second
	// endLook is how often is looked at whether all has come.
	endLook = 20 * time.Millisecond
)

// run is one run, and what its parts share.
type run struct {
	config   Config
	name     string // in the names of guests and rooms
	marker   []byte
	messages messages
	nodes    []*remote.Client
	rooms    []*room
	senders  []*sender
	streams  []*eventStream
	groups   []*listenerGroup
	guests   []*remote.Guest // the senders' first; nil while they are not there yet
	server   *serverWatch

	began       time.Time     // what all moments are counted from
	start       time.Duration // of sending
	from, to    atomic.Int64  // what is measured
	interrupted bool
	own         processUse // what this program used of the processor meanwhile

	listening    sync.WaitGroup
	endListening context.CancelFunc // nil before

	stage    atomic.Pointer[stage]
	shown    shownStatus
	counts   counts
	acks     *latencies
	lateness *latencies // of senders that had nothing else to do
	errors   *errorCounts
}

// counts is what became of messages and streams so far.
type counts struct {
	acked         atomic.Int64 // all
	ackedMeasured atomic.Int64 // due while it was measured
	ackedTimely   atomic.Int64 // acknowledged while it was measured
	failed        atomic.Int64
	unsent        atomic.Int64 // due, and not sent
	breaks        atomic.Int64 // of streams
	returns       atomic.Int64
}

// stage is what is being done.
type stage struct {
	name  string
	total int
	done  atomic.Int64
}

func (run *run) enterStage(name string, total int) *stage {
	s := &stage{name: name, total: total}
	run.stage.Store(s)
	return s
}

func (c Config) newRun() *run {
	run := &run{
		config: c, name: strings.ToLower(rand.Text()[:8]), began: time.Now(),
		acks: newLatencies(), lateness: newLatencies(), errors: newErrorCounts(),
	}
	run.marker = []byte("~" + run.name + "~")
	run.messages = newMessages(string(run.marker), c.Size)
	for _, address := range c.URLs {
		run.nodes = append(run.nodes, newClient(address, c.Senders+maxParallel))
	}
	run.server = newServerWatch(run.nodes)
	for range c.Rooms {
		run.rooms = append(run.rooms, &room{})
	}
	for range 4 * runtime.GOMAXPROCS(0) {
		run.groups = append(run.groups, &listenerGroup{arrival: newLatencyHistogram()})
	}
	run.setWindow(math.MaxInt64, math.MaxInt64)
	run.enterStage("starting", 0)
	return run
}

// newClient is a client whose requests go straight to the server, each on a connection of its own: those of many
// people would not share one either, as they could with HTTP/2.
func newClient(base string, conns int) *remote.Client {
	client := remote.NewClient(base, conns)
	transport := client.HTTP.Transport.(*http.Transport)
	transport.Proxy = nil
	transport.Protocols = new(http.Protocols)
	transport.Protocols.SetHTTP1(true)
	return client
}

func (run *run) close() {
	for _, s := range run.senders {
		s.alarm.close()
	}
	for _, node := range run.nodes {
		node.Close()
	}
}

// now is how long ago the run began.
func (run *run) now() time.Duration { return time.Since(run.began) }

// window is from when to when it is measured.
func (run *run) window() (from, to time.Duration) {
	return time.Duration(run.from.Load()), time.Duration(run.to.Load())
}

func (run *run) setWindow(from, to time.Duration) {
	run.from.Store(int64(from))
	run.to.Store(int64(to))
}

// end is when nothing falls due any more.
func (run *run) end() time.Duration { return time.Duration(run.to.Load()) }

// measure sends and waits for what was sent to arrive. Interrupted, it ends early, with what there is.
func (run *run) measure(ctx context.Context) {
	run.start = run.now()
	from := run.start + run.config.WarmUp
	run.setWindow(from, from+run.config.Duration)

	unbroken := context.WithoutCancel(ctx)
	pacing, endPacing := context.WithCancel(unbroken)
	defer endPacing()
	sending, endSending := context.WithCancel(unbroken)
	defer endSending()
	sent := run.startSending(pacing, sending)

	run.enterStage("warming up", int(run.config.WarmUp.Seconds()))
	if run.waitUntil(ctx, from) {
		run.server.begin(ctx)
		run.own = ownUse()
		run.enterStage("measuring", int(run.config.Duration.Seconds()))
		run.watchUntil(ctx, from+run.config.Duration)
		run.own = ownUse().since(run.own)
	}
	run.interrupted = ctx.Err() != nil
	if run.interrupted {
		run.to.Store(int64(run.now()))
	}
	endPacing()
	run.server.end(unbroken)

	run.awaitAcknowledgements(ctx, sent, endSending)
	run.awaitArrivals(ctx)
}

// startSending starts the senders. The channel is closed when all have ended.
func (run *run) startSending(pacing, ctx context.Context) <-chan struct{} {
	var sending sync.WaitGroup
	for _, s := range run.senders {
		sending.Go(func() { s.send(pacing, ctx) })
	}
	sent := make(chan struct{})
	go func() {
		sending.Wait()
		close(sent)
	}()
	return sent
}

// waitUntil reports whether that moment has come, and not the end of ctx before.
func (run *run) waitUntil(ctx context.Context, moment time.Duration) bool {
	return remote.Wait(ctx, max(0, moment-run.now())) == nil
}

// watchUntil looks at the server each second.
func (run *run) watchUntil(ctx context.Context, moment time.Duration) {
	for run.now() < moment && ctx.Err() == nil {
		if !run.waitUntil(ctx, min(moment, run.now()+time.Second)) {
			return
		}
		run.server.look(ctx)
	}
}

// patience is how long is waited at the end for something to come.
func (run *run) patience(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return min(run.config.Wait, interruptedWait)
	}
	return run.config.Wait
}

// awaitAcknowledgements waits until what was due is sent and answered, or ends the sending of it after a while.
func (run *run) awaitAcknowledgements(ctx context.Context, sent <-chan struct{}, endSending func()) {
	run.enterStage("waiting for what is still to be acknowledged", 0)
	looks := time.NewTicker(endLook)
	defer looks.Stop()
	for began := time.Now(); time.Since(began) < run.patience(ctx); {
		select {
		case <-sent:
			return
		case <-looks.C:
		}
	}
	endSending()
	<-sent
}

// awaitArrivals waits until each stream is there and has what was acknowledged in its room, or until nothing comes any
// more.
func (run *run) awaitArrivals(ctx context.Context) {
	run.enterStage("waiting for what is still to arrive", 0)
	looks := time.NewTicker(endLook)
	defer looks.Stop()
	before, stuck := int64(-1), time.Now()
	for time.Since(stuck) < run.patience(ctx) && (run.away() > 0 || run.missing() > 0) {
		if now := run.arrivals().deliveries + run.counts.returns.Load(); now != before {
			before, stuck = now, time.Now()
		}
		<-looks.C
	}
}

// away is how many streams are not open.
func (run *run) away() (n int) {
	for _, s := range run.streams {
		if s.broken.Load() {
			n++
		}
	}
	return n
}

// missing is how many deliveries are missing: of a message that was acknowledged, at a stream of its room.
func (run *run) missing() int64 {
	n := int64(0)
	for _, room := range run.rooms {
		room.mu.Lock()
		for _, s := range room.streams {
			s.group.mu.Lock()
			n += s.seen.lacks(&room.acked)
			s.group.mu.Unlock()
		}
		room.mu.Unlock()
	}
	return n
}

// arrivals adds up what the streams got so far.
func (run *run) arrivals() arrivals {
	var sum arrivals
	for _, g := range run.groups {
		g.mu.Lock()
		sum.deliveries += g.deliveries
		sum.measured += g.measured
		sum.timely += g.timely
		sum.doubled += g.doubled
		g.mu.Unlock()
	}
	return sum
}

// endStreams ends the streams, if there are any.
func (run *run) endStreams() {
	if run.endListening == nil {
		return
	}
	run.enterStage(fmt.Sprintf("ending %d streams", len(run.streams)), 0)
	run.endListening()
	run.listening.Wait()
}
