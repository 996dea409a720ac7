//go:build unix

package faults

import (
	"context"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/test/harness"
)

// restartAll replaces all nodes, one after the other, as an update does. Clients come through a balancer.
var restartAll = &fault{name: "rolling-restart", everywhere: true, harm: func(t *trial) func() {
	t.note(func() { t.orderly, t.asked, t.sent.lost = true, nil, nil })
	stopBalancing := t.balance()
	for _, n := range t.nodes {
		if status := n.Terminate(); status != 0 {
			t.complain("%s ended with status %d", n.name, status)
		}
		n.Start()
	}
	return func() {
		stopBalancing()
		t.note(func() { t.orderly = false })
		t.mustHaveBeenOrderly()
	}
}}

// balance keeps away from nodes that are not ready, as whatever stands before them does, until stop is called.
func (t *trial) balance() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	for _, n := range t.nodes {
		asking.Go(func() {
			defer n.shunned.Store(false)
			for ; ctx.Err() == nil; breathe(ctx) {
				n.shunned.Store(!t.isReady(n))
			}
		})
	}
	return func() {
		cancel()
		asking.Wait()
	}
}

func (f *fleet) isReady(n *fleetNode) bool {
	ctx, cancel := context.WithTimeout(context.Background(), answerTime)
	defer cancel()
	a, err := (&harness.Client{T: f.t, HTTP: f.http, URL: n.URL}).TryCall(ctx, "GET", "/readyz", nil)
	return err == nil && a.HTTP.StatusCode == http.StatusOK
}

// mustHaveBeenOrderly wants the streams to have been asked back at different times, and, where a node waits before it
// closes for whoever stands before it to see, no request to have been lost.
func (t *trial) mustHaveBeenOrderly() {
	var asked []time.Duration
	var lost []string
	t.note(func() { asked, lost = t.asked, t.sent.lost })
	t.remark("%d streams closed", len(asked))
	if len(asked) == 0 {
		t.complain("no stream was told that its server closes")
		return
	}
	if spread := slices.Max(asked) - slices.Min(asked); len(asked) > 30 && spread < time.Second {
		t.complain("%d streams were all asked to come back within %v of each other", len(asked), spread)
	}
	if len(lost) > 0 {
		t.complain("%d requests were lost, the first %s", len(lost), lost[0])
	}
}
