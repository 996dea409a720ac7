//go:build unix

package faults

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/test/cluster"
	"github.com/parley-chat/parley/test/harness"
)

const (
	clusterNodes = 3
	// attemptTimeout is how long a client waits for a response before it tries another node.
	attemptTimeout = 3 * time.Second
)

// testCluster is three nodes on one PostgreSQL and one NATS, with a proxy on each connection between them.
type testCluster struct {
	t        testing.TB
	postgres *cluster.Cluster
	nats     *harness.NATSServer
	nodes    []*clusterNode
	http     *http.Client
}

// clusterNode is one of the nodes, with its proxies.
type clusterNode struct {
	*harness.Process
	name     string
	postgres *proxy      // between the node and PostgreSQL
	nats     *proxy      // between the node and NATS
	front    *proxy      // between some of the clients and the node
	notReady atomic.Bool // as the balancer last saw it
}

// address returns the URL of the node for clients, through the proxy or directly.
func (n *clusterNode) address(proxied bool) string {
	if proxied {
		return "http://" + n.front.Listen
	}
	return n.URL
}

func startCluster(t testing.TB) *testCluster {
	t.Helper()
	f := &testCluster{t: t, postgres: startPostgres(t), nats: harness.StartNATS(t), http: newClusterHTTP(t)}
	for i := range clusterNodes {
		n := &clusterNode{name: fmt.Sprintf("node %d", i+1)}
		n.postgres = startProxy(t, n.name+" to PostgreSQL", f.postgres.ListenAddress())
		n.nats = startProxy(t, n.name+" to NATS", f.nats.Address)
		n.Process = harness.StartProcess(t, f.postgres.AddressAt(n.postgres.Listen), "--rate-limit", "off",
			"--presence-room-limit", "0", "--nats", "nats://"+n.nats.Listen, "--drain-delay", "5s")
		n.front = startProxy(t, "clients to "+n.name, strings.TrimPrefix(n.URL, "http://"))
		f.nodes = append(f.nodes, n)
	}
	t.Cleanup(f.stop)
	return f
}

// startPostgres starts a private PostgreSQL that the test may kill.
func startPostgres(t testing.TB) *cluster.Cluster {
	t.Helper()
	if _, err := cluster.FindPrograms(t.Context()); err != nil {
		harness.Missing(t, "%v", err)
	}
	server, err := cluster.StartListening(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	return server
}

// newClusterHTTP returns an HTTP client for use by many clients: it keeps a connection for each of them, and gives up
// on a node that does not respond in time.
func newClusterHTTP(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 256, ResponseHeaderTimeout: attemptTimeout}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// stop kills the nodes and checks their logs: a logged error is a defect, whatever fault was injected.
func (f *testCluster) stop() {
	for _, n := range f.nodes {
		n.Kill()
		for line := range bytes.Lines(n.Output.Bytes()) {
			if bytes.Contains(line, []byte(`"level":"ERROR"`)) {
				f.t.Errorf("%s logged an error: %s", n.name, line)
				break
			}
		}
	}
}

// anyNode returns a random node, except those that a balancer would send no clients to.
func (f *testCluster) anyNode() *clusterNode {
	first := rand.IntN(len(f.nodes))
	for i := range f.nodes {
		if n := f.nodes[(first+i)%len(f.nodes)]; !n.notReady.Load() {
			return n
		}
	}
	return f.nodes[first]
}

// callUntilAvailable sends a request to one node after the other until one responds with a status other than 503. It
// returns an error if none does within harness.Timeout.
func (f *testCluster) callUntilAvailable(
	ctx context.Context, c *harness.Client, nodes []*clusterNode, method, path string, body any, headers ...string,
) (*harness.Response, error) {
	ctx, cancel := context.WithTimeout(ctx, harness.Timeout)
	defer cancel()
	for i := rand.IntN(len(nodes)); ; i++ {
		asking, done := context.WithTimeout(ctx, attemptTimeout)
		a, err := c.AtServer(nodes[i%len(nodes)].URL).TryCall(asking, method, path, body, headers...)
		done()
		if err == nil && a.HTTP.StatusCode != http.StatusServiceUnavailable {
			return a, nil
		}
		if err == nil {
			err = fmt.Errorf("%v", a)
		}
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s %s got no response in time: %w", method, path, err)
		}
		pauseBriefly(ctx)
	}
}

// pauseBriefly waits for a random time of up to 100 ms, so that many clients that try again do not add to an overload.
func pauseBriefly(ctx context.Context) {
	select {
	case <-time.After(20*time.Millisecond + rand.N(80*time.Millisecond)):
	case <-ctx.Done():
	}
}

// forEachParallel calls f with the index and value of each item, up to 16 at a time, and waits for all calls.
func forEachParallel[T any](items []T, f func(int, T)) {
	var working sync.WaitGroup
	slots := make(chan struct{}, 16)
	for i, item := range items {
		slots <- struct{}{}
		working.Go(func() {
			defer func() { <-slots }()
			f(i, item)
		})
	}
	working.Wait()
}
