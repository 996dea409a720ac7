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
	// baselineTime is how long deliveries are measured before the fault.
	baselineTime = 3 * time.Second
	// recoveryLimit bounds how long after the fault messages may be slower than before it.
	recoveryLimit = 10 * time.Second
	// recoveryWindow is how long messages must be as fast as before the fault.
	recoveryWindow = time.Second
)

// fault is one kind of failure.
type fault struct {
	name string
	// inject causes the failure, and returns the function that ends it.
	inject func(t *trial) (heal func())
	// lasts is the time between inject and heal; 0 if inject itself waits.
	lasts time.Duration
	// allNodes is true if the fault breaks all nodes, not only trial.node.
	allNodes bool
	// isolates is true if the node must notice by itself, before heal, that it is isolated.
	isolates bool
}

// trial is one run of a fault.
type trial struct {
	*workload
	fault *fault
	run   int
	node  *clusterNode // the broken node, unless the fault breaks all or none
	row   trialRow
}

// trialRow is the result of a run.
type trialRow struct {
	fault                       string
	run                         int
	sends                       float64 // per second, before the fault
	baseline                    latencyWindow
	acked, doubted              int
	retries, repeats            int
	hops                        int64
	removal, presence, recovery time.Duration
	notes                       []string
	passed                      bool
}

// runFault injects the fault once, under load, and compares everything afterwards.
func (c *workload) runFault(f *fault, run int) trialRow {
	t := &trial{workload: c, fault: f, run: run, node: c.nodes[run%len(c.nodes)]}
	t.row = trialRow{fault: f.name, run: run}
	before := t.begin()
	removals := c.openRemovalStreams()
	linear := c.newLinearizability()
	stopSending := c.startSending()
	t.measureBaseline()

	var working sync.WaitGroup
	recordContext, stopRecording := context.WithCancel(context.Background())
	working.Go(func() { c.performRemovals(removals, t.unbrokenNodes()) })
	working.Go(func() { linear.record(recordContext) })
	working.Go(c.reconnectWatched)
	injected := time.Now()
	heal := f.inject(t)
	<-time.After(f.lasts)
	heal()
	healed := time.Now()
	t.row.recovery = t.awaitRecovery(healed)
	stopRecording()
	working.Wait()
	stopSending()

	from := healed
	if f.isolates {
		from = injected // the node must close its streams before the fault ends
	}
	t.row.removal = c.awaitRemovals(removals, t.breaks, from)
	t.row.presence = c.awaitPresence(healed)
	c.check(before)
	c.checkAfterRemovals(removals)
	linear.check()
	return t.end()
}

// begin resets the results of the previous run.
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

// unbrokenNodes returns the nodes that the fault does not break; all nodes if it breaks all.
func (t *trial) unbrokenNodes() []*clusterNode {
	unbroken := slices.DeleteFunc(slices.Clone(t.nodes), t.breaks)
	if len(unbroken) == 0 {
		return t.nodes
	}
	return unbroken
}

func (t *trial) breaks(n *clusterNode) bool { return t.fault.allNodes || n == t.node }

// measureBaseline measures the rate and the latency of messages before the fault.
func (t *trial) measureBaseline() {
	<-time.After(time.Second) // until all senders have started
	start, sent := time.Now(), t.acknowledged()
	<-time.After(baselineTime)
	now := time.Now()
	t.row.sends = float64(t.acknowledged()-sent) / now.Sub(start).Seconds()
	t.row.baseline = t.latency.between(start, now)
}

// awaitRecovery waits until messages are as fast as before the fault for recoveryWindow, and returns how long after the
// fault that period began.
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
			t.reportFlaw("%v after the fault: %.0f deliveries per second with a p99 of %v; before it: %.0f with a p99 of %v",
				from.Sub(healed), last.perSecond(), last.p99, t.row.baseline.perSecond(), t.row.baseline.p99)
			return from.Sub(healed)
		}
	}
}

// end adds the counts of the run to its row.
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
