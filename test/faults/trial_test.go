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
	// calmTime is how long all is measured before the fault.
	calmTime = 3 * time.Second
	// backWithin bounds how long after the fault messages may come later than they did before it.
	backWithin = 10 * time.Second
	// settleTime is how long after the fault messages are sent at least.
	settleTime = time.Second
)

// fault is one thing that goes wrong.
type fault struct {
	name string
	// inject does it, and answers what undoes it.
	inject func(t *trial) (heal func())
	// lasts is the time between the two, for what does not take its own.
	lasts time.Duration
	// everywhere says that it breaks all nodes, not the one of the trial alone.
	everywhere bool
	// cutsOff says that the node has to see by itself that it is cut off, before it is healed.
	cutsOff bool
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
	fault                string
	run                  int
	sends                float64 // a second, in calm
	calm                 latencyWindow
	acked, doubted       int
	retries, repeats     int
	hops                 int64
	gone, there, recover time.Duration
	notes                []string
	passed               bool
}

// runFault runs the fault once, in the midst of all that goes on, and compares everything afterwards.
func (c *workload) runFault(f *fault, run int) trialRow {
	t := &trial{workload: c, fault: f, run: run, node: c.nodes[run%len(c.nodes)]}
	t.row = trialRow{fault: f.name, run: run}
	before := t.begin()
	departing := c.departures()
	linear := c.startLinearizability()
	stopSending := c.startSending()
	t.awaitCalm()

	var beside sync.WaitGroup
	keeping, stopKeeping := context.WithCancel(context.Background())
	beside.Go(func() { c.startDepartures(departing, t.unbrokenNodes()) })
	beside.Go(func() { linear.record(keeping) })
	beside.Go(c.reconnectWatched)
	harmed := time.Now()
	heal := f.inject(t)
	<-time.After(f.lasts)
	heal()
	healed := time.Now()
	t.row.recover = t.awaitNormal(healed)
	stopKeeping()
	beside.Wait()
	stopSending()

	from := healed
	if f.cutsOff {
		from = harmed // it has to close its streams without waiting to be healed
	}
	t.row.gone = c.awaitDepartures(departing, t.breaks, from)
	t.row.there = c.awaitPresence(healed)
	c.check(before)
	c.checkAfterDeparture(departing)
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

func (t *trial) breaks(n *clusterNode) bool { return t.fault.everywhere || n == t.node }

// awaitCalm lets messages flow for a while, and notes how they do.
func (t *trial) awaitCalm() {
	<-time.After(time.Second) // until all have begun
	start, sent := time.Now(), t.acknowledged()
	<-time.After(calmTime)
	now := time.Now()
	t.row.sends = float64(t.acknowledged()-sent) / now.Sub(start).Seconds()
	t.row.calm = t.latency.between(start, now)
}

// awaitNormal waits until messages come as soon as before the fault, for a second, and answers when that second began.
func (t *trial) awaitNormal(healed time.Time) time.Duration {
	most := 3*t.row.calm.p99 + 250*time.Millisecond
	var last latencyWindow
	for from := healed; ; from = from.Add(latencySlice) {
		<-time.After(time.Until(from.Add(settleTime + latencySlice)))
		last = t.latency.between(from, from.Add(settleTime))
		if last.p99 <= most && last.perSecond() >= t.row.calm.perSecond()/2 {
			return from.Sub(healed)
		}
		if from.Sub(healed) > backWithin+lateness {
			t.reportFlaw("%v after the fault there are still %.0f deliveries a second, with a p99 of %v; before it %.0f, with %v",
				from.Sub(healed), last.perSecond(), last.p99, t.row.calm.perSecond(), t.row.calm.p99)
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

func (t *trial) addRemark(format string, args ...any) {
	t.row.notes = append(t.row.notes, fmt.Sprintf(format, args...))
}
