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
	// interruptedWait is how long an interrupted run waits at most for missing acknowledgements and arrivals.
	interruptedWait = 2 * time.Second
	// endCheckInterval is how often the run checks whether everything has arrived.
	endCheckInterval = 20 * time.Millisecond
)

// run is the state of one run.
type run struct {
	config   Config
	name     string // part of the names of guests and rooms
	marker   []byte
	messages messages
	nodes    []*remote.Client
	rooms    []*room
	senders  []*sender
	streams  []*eventStream
	groups   []*listenerGroup
	guests   []*remote.Guest // the senders' first; nil before they are signed in
	server   *serverWatch

	began       time.Time     // all other times count from here
	start       time.Duration // of sending
	from, to    atomic.Int64  // the time that is measured
	interrupted bool
	own         processUse // this program's CPU time during the measurement

	listening    sync.WaitGroup
	endListening context.CancelFunc // nil before the streams are opened

	stage    atomic.Pointer[stage]
	shown    shownStatus
	counts   counts
	acks     *latencies
	lateness *latencies // of senders that did not have to wait
	errors   *errorCounts
}

// counts holds the numbers of messages and reconnects so far.
type counts struct {
	acked         atomic.Int64 // all
	ackedMeasured atomic.Int64 // due during the measurement
	ackedTimely   atomic.Int64 // acknowledged during the measurement
	failed        atomic.Int64
	unsent        atomic.Int64 // due but not sent
	breaks        atomic.Int64 // of streams
	returns       atomic.Int64
}

// stage is a part of the run, with its progress.
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

// newClient returns a client without proxy and without HTTP/2: the requests of different users must not share a
// connection.
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

// now returns the time since the run began.
func (run *run) now() time.Duration { return time.Since(run.began) }

// window returns the start and the end of the measurement.
func (run *run) window() (from, to time.Duration) {
	return time.Duration(run.from.Load()), time.Duration(run.to.Load())
}

func (run *run) setWindow(from, to time.Duration) {
	run.from.Store(int64(from))
	run.to.Store(int64(to))
}

// end returns the time after which no message is due.
func (run *run) end() time.Duration { return time.Duration(run.to.Load()) }

// measure sends and waits until the sent messages have arrived. An interruption ends it early; the results so far are
// valid.
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

// startSending starts the senders. The channel is closed when all of them have ended.
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

// waitUntil waits until that moment. It returns false if ctx ended before.
func (run *run) waitUntil(ctx context.Context, moment time.Duration) bool {
	return remote.Wait(ctx, max(0, moment-run.now())) == nil
}

// watchUntil reads the server's resource usage every second until that moment.
func (run *run) watchUntil(ctx context.Context, moment time.Duration) {
	for run.now() < moment && ctx.Err() == nil {
		if !run.waitUntil(ctx, min(moment, run.now()+time.Second)) {
			return
		}
		run.server.look(ctx)
	}
}

// finalWait returns how long the run waits at the end without progress.
func (run *run) finalWait(ctx context.Context) time.Duration {
	if ctx.Err() != nil {
		return min(run.config.Wait, interruptedWait)
	}
	return run.config.Wait
}

// awaitAcknowledgements waits until all due messages are sent and acknowledged, or stops sending after finalWait.
func (run *run) awaitAcknowledgements(ctx context.Context, sent <-chan struct{}, endSending func()) {
	run.enterStage("waiting for acknowledgements", 0)
	checks := time.NewTicker(endCheckInterval)
	defer checks.Stop()
	for began := time.Now(); time.Since(began) < run.finalWait(ctx); {
		select {
		case <-sent:
			return
		case <-checks.C:
		}
	}
	endSending()
	<-sent
}

// awaitArrivals waits until each stream is connected and has all acknowledged messages of its room, or until nothing
// has arrived for finalWait.
func (run *run) awaitArrivals(ctx context.Context) {
	run.enterStage("waiting for messages to arrive", 0)
	checks := time.NewTicker(endCheckInterval)
	defer checks.Stop()
	before, stuck := int64(-1), time.Now()
	for time.Since(stuck) < run.finalWait(ctx) && (run.away() > 0 || run.missing() > 0) {
		if now := run.arrivals().deliveries + run.counts.returns.Load(); now != before {
			before, stuck = now, time.Now()
		}
		<-checks.C
	}
}

// away returns the number of streams that are not connected.
func (run *run) away() (n int) {
	for _, s := range run.streams {
		if s.broken.Load() {
			n++
		}
	}
	return n
}

// missing returns the number of missing deliveries: of an acknowledged message to a stream of its room.
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

// arrivals returns the sum of the counts of all streams.
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

// endStreams closes the streams and waits for their readers.
func (run *run) endStreams() {
	if run.endListening == nil {
		return
	}
	run.enterStage(fmt.Sprintf("ending %d streams", len(run.streams)), 0)
	run.endListening()
	run.listening.Wait()
}
