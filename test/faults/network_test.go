//go:build unix

package faults

import (
	"time"
)

// killNATS kills the NATS server, and starts it again.
var killNATS = &fault{name: "kill-nats", lasts: 4 * time.Second, inject: func(t *trial) func() {
	t.nats.Kill()
	return t.checkReadyThenHeal(t.nats.Start)
}}

// checkReadyThenHeal wants all nodes to be ready still, and then undoes the fault: without NATS they are slower, and no worse.
func (t *trial) checkReadyThenHeal(heal func()) func() {
	return func() {
		for _, n := range t.nodes {
			if !t.isReady(n) {
				t.reportFlaw("%s is not ready without NATS", n.name)
			}
		}
		heal()
	}
}

// cutNATS takes NATS away from one node: every other time its connection breaks, and every other time it falls silent.
var cutNATS = &fault{name: "cut-nats", lasts: 4 * time.Second, inject: func(t *trial) func() {
	if t.run%2 == 0 {
		t.addNote("cut")
		t.node.nats.cut()
		return t.checkReadyThenHeal(t.node.nats.restore)
	}
	t.addNote("silent")
	return t.checkReadyThenHeal(t.node.nats.dropAll())
}}

// badNetwork slows the lines of one node to PostgreSQL and NATS, and lets the lines of clients to all nodes break again
// and again, in the midst of requests and answers.
var badNetwork = &fault{name: "bad-lines", allNodes: true, inject: func(t *trial) func() {
	slow := `"latency": 30, "jitter": 20`
	undo := []func(){
		t.node.postgres.addToxic("latency", "downstream", slow), t.node.nats.addToxic("latency", "downstream", slow),
		t.node.front.addToxic("latency", "downstream", slow),
	}
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		for _, n := range t.nodes {
			reset := n.front.addToxic("reset_peer", "downstream", `"timeout": 0`)
			<-time.After(200 * time.Millisecond)
			reset()
		}
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}
}}

// slowReaders leaves a third of the readers a line that is far too thin for what they are sent.
var slowReaders = &fault{name: "slow-readers", lasts: 6 * time.Second, inject: func(t *trial) func() {
	var undo []func()
	for _, n := range t.nodes {
		undo = append(undo, n.front.addToxic("bandwidth", "downstream", `"rate": 2`))
	}
	return func() {
		for _, f := range undo {
			f()
		}
	}
}}
