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
var restartAll = &fault{name: "rolling-restart", allNodes: true, inject: func(t *trial) func() {
	t.locked(func() { t.orderly, t.reconnectDelays, t.sent.failures = true, nil, nil })
	stopBalancing := t.balance()
	for _, n := range t.nodes {
		if status := n.Terminate(); status != 0 {
			t.reportFlaw("%s ended with status %d", n.name, status)
		}
		n.Start()
	}
	return func() {
		stopBalancing()
		t.locked(func() { t.orderly = false })
		t.checkOrderly()
	}
}}

// balance keeps away from nodes that are not ready, as whatever stands before them does, until stop is called.
func (t *trial) balance() (stop func()) {
	ctx, cancel := context.WithCancel(context.Background())
	var asking sync.WaitGroup
	for _, n := range t.nodes {
		asking.Go(func() {
			defer n.notReady.Store(false)
			for ; ctx.Err() == nil; pauseBriefly(ctx) {
				n.notReady.Store(!t.isReady(n))
			}
		})
	}
	return func() {
		cancel()
		asking.Wait()
	}
}

func (f *testCluster) isReady(n *clusterNode) bool {
	ctx, cancel := context.WithTimeout(context.Background(), attemptTimeout)
	defer cancel()
	a, err := (&harness.Client{T: f.t, HTTP: f.http, URL: n.URL}).TryCall(ctx, "GET", "/readyz", nil)
	return err == nil && a.HTTP.StatusCode == http.StatusOK
}

// checkOrderly wants the streams to have been asked back at different times, and, where a node waits before it
// closes so that clients notice, no request to have been lost.
func (t *trial) checkOrderly() {
	var asked []time.Duration
	var lost []string
	t.locked(func() { asked, lost = t.reconnectDelays, t.sent.failures })
	t.addNote("%d streams closed", len(asked))
	if len(asked) == 0 {
		t.reportFlaw("no stream was told that its server closes")
		return
	}
	if spread := slices.Max(asked) - slices.Min(asked); len(asked) > 30 && spread < time.Second {
		t.reportFlaw("%d streams were all asked to come back within %v of each other", len(asked), spread)
	}
	if len(lost) > 0 {
		t.reportFlaw("%d requests were lost, the first %s", len(lost), lost[0])
	}
}
