//go:build unix

package faults

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"
)

const (
	// baselineTime is how long all is measured before the fault.
	baselineTime = 3 * time.Second
	// recoveryLimit bounds how long after the fault messages may come later than they did before it.
	recoveryLimit = 10 * time.Second
	// recoveryWindow is how long after the fault messages are sent at least.
	recoveryWindow = time.Second
)

// fault is one thing that goes wrong.
type fault struct {
	name string
	// inject does it, and answers what undoes it.
	inject func(t *trial) (heal func())
	// lasts is the time between the two, for what does not take its own.
	lasts time.Duration
	// allNodes says that it breaks all nodes, not the one of the trial alone.
	allNodes bool
	// isolates says that the node has to see by itself that it is cut off, before it is healed.
	isolates bool
}

// trial is one run of a fault.
type trial struct {
	*workload
	fault *fault
	run   int
	node  *clusterNode // the one that is broken, where one is
	row   trialRow
}

// trialRow is what a run was like.
type trialRow struct {
	fault                       string
	run                         int
	sends                       float64 // a second, in calm
	baseline                    latencyWindow
	acked, doubted              int
	retries, repeats            int
	hops                        int64
	removal, presence, recovery time.Duration
	notes                       []string
	passed                      bool
}

// runFault runs the fault once, in the midst of all that goes on, and compares everything afterwards.
func (c *workload) runFault(f *fault, run int) trialRow {
	t := &trial{workload: c, fault: f, run: run, node: c.nodes[run%len(c.nodes)]}
	t.row = trialRow{fault: f.name, run: run}
	before := t.begin()
	departing := c.openRemovalStreams()
	linear := c.newLinearizability()
	stopSending := c.startSending()
	t.measureBaseline()

	var beside sync.WaitGroup
	recordContext, stopRecording := context.WithCancel(context.Background())
	beside.Go(func() { c.performRemovals(departing, t.unbrokenNodes()) })
	beside.Go(func() { linear.record(recordContext) })
	beside.Go(c.reconnectWatched)
	injected := time.Now()
	heal := f.inject(t)
	<-time.After(f.lasts)
	heal()
	healed := time.Now()
	t.row.recovery = t.awaitRecovery(healed)
	stopRecording()
	beside.Wait()
	stopSending()

	from := healed
	if f.isolates {
		from = injected // it has to close its streams without waiting to be healed
	}
	t.row.removal = c.awaitRemovals(departing, t.breaks, from)
	t.row.presence = c.awaitPresence(healed)
	c.check(before)
	c.checkAfterRemovals(departing)
	linear.check()
	return t.end()
}

// begin forgets the run before.
func (t *trial) begin() lastMessages {
	t.locked(func() {
		t.label = fmt.Sprintf("%s, run %d", t.fault.name, t.run)
		t.flaws, t.sent = 0, newSendResults()
	})
	t.latency.reset()
	for _, r := range t.readers {
		r.hops.Store(0)
	}
	return t.readLastMessages()
}

// unbrokenNodes are the nodes that the fault leaves alone; all of them, when there are none.
func (t *trial) unbrokenNodes() []*clusterNode {
	sound := slices.DeleteFunc(slices.Clone(t.nodes), t.breaks)
	if len(sound) == 0 {
		return t.nodes
	}
	return sound
}

func (t *trial) breaks(n *clusterNode) bool { return t.fault.allNodes || n == t.node }

// measureBaseline lets messages flow for a while, and notes how they do.
func (t *trial) measureBaseline() {
	<-time.After(time.Second) // until all have begun
	start, sent := time.Now(), t.acknowledged()
	<-time.After(baselineTime)
	now := time.Now()
	t.row.sends = float64(t.acknowledged()-sent) / now.Sub(start).Seconds()
	t.row.baseline = t.latency.between(start, now)
}

// awaitRecovery waits until messages come as soon as before the fault, for a second, and answers when that second began.
func (t *trial) awaitRecovery(healed time.Time) time.Duration {
	most := 3*t.row.baseline.p99 + 250*time.Millisecond
	var last latencyWindow
	for from := healed; ; from = from.Add(latencySlice) {
		<-time.After(time.Until(from.Add(recoveryWindow + latencySlice)))
		last = t.latency.between(from, from.Add(recoveryWindow))
		if last.p99 <= most && last.perSecond() >= t.row.baseline.perSecond()/2 {
			return from.Sub(healed)
		}
		if from.Sub(healed) > recoveryLimit+clockTolerance {
			t.reportFlaw("%v after the fault there are still %.0f deliveries a second, with a p99 of %v; before it %.0f, with %v",
				from.Sub(healed), last.perSecond(), last.p99, t.row.baseline.perSecond(), t.row.baseline.p99)
			return from.Sub(healed)
		}
	}
}

// end fills in the rest of the row.
func (t *trial) end() trialRow {
	for _, r := range t.readers {
		t.row.hops += r.hops.Load()
	}
	t.locked(func() {
		t.row.acked, t.row.doubted = len(t.sent.acked), len(t.sent.doubted)
		t.row.retries, t.row.repeats = t.sent.retries, t.sent.repeats
		t.row.passed = t.flaws == 0
	})
	return t.row
}

func (t *trial) addNote(format string, args ...any) {
	t.row.notes = append(t.row.notes, fmt.Sprintf(format, args...))
}
