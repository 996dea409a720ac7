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

// restartAll restarts all nodes, one after the other, as an update does. Clients connect through a load balancer.
var restartAll = &fault{name: "rolling-restart", allNodes: true, inject: func(t *trial) func() {
	t.locked(func() { t.orderly, t.reconnectDelays, t.sent.failures = true, nil, nil })
	stopBalancing := t.balance()
	for _, n := range t.nodes {
		if status := n.Terminate(); status != 0 {
			t.reportFlaw("%s ended with status %d, want 0", n.name, status)
		}
		n.Start()
	}
	return func() {
		stopBalancing()
		t.locked(func() { t.orderly = false })
		t.checkOrderly()
	}
}}

// balance keeps clients away from nodes that are not ready, as a load balancer does, until stop is called.
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

// checkOrderly checks that the closed streams were given different reconnect delays, and that no request failed, since
// a node drains before it closes.
func (t *trial) checkOrderly() {
	var delays []time.Duration
	var failures []string
	t.locked(func() { delays, failures = t.reconnectDelays, t.sent.failures })
	t.addNote("%d streams closed", len(delays))
	if len(delays) == 0 {
		t.reportFlaw("no stream got server.closing")
		return
	}
	if spread := slices.Max(delays) - slices.Min(delays); len(delays) > 30 && spread < time.Second {
		t.reportFlaw("the reconnect delays of %d streams are within %v, want at least 1s", len(delays), spread)
	}
	if len(failures) > 0 {
		t.reportFlaw("%d requests failed, the first %s", len(failures), failures[0])
	}
}
