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

// checkReadyThenHeal checks that all nodes are still ready, and then undoes the fault: without NATS they are slower,
// but work.
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

// cutNATS separates one node from NATS: in even runs the connection is closed, in odd runs packets are dropped.
var cutNATS = &fault{name: "cut-nats", lasts: 4 * time.Second, inject: func(t *trial) func() {
	if t.run%2 == 0 {
		t.addNote("cut")
		t.node.nats.cut()
		return t.checkReadyThenHeal(t.node.nats.restore)
	}
	t.addNote("silent")
	return t.checkReadyThenHeal(t.node.nats.dropAll())
}}

// badNetwork adds latency to the connections of one node to PostgreSQL and NATS, and resets the connections of clients
// to all nodes again and again, in the middle of requests and responses.
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

// slowReaders limits the connections of a third of the readers to a bandwidth far below what they are sent.
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
