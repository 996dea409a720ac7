//go:build unix

package faults

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
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
	// attemptTimeout is how long a client waits for an answer before it asks another node.
	attemptTimeout = 3 * time.Second
)

// testCluster is three nodes on one PostgreSQL and one NATS, with a proxy on each line between them.
type testCluster struct {
	t        testing.TB
	postgres *cluster.Cluster
	nats     *harness.NATSServer
	nodes    []*clusterNode
	http     *http.Client
}

// clusterNode is one of the nodes.
type clusterNode struct {
	*harness.Process
	name     string
	postgres *proxy      // on its way to PostgreSQL
	nats     *proxy      // on its way to NATS
	front    *proxy      // on the way of some clients to it
	notReady atomic.Bool // a balancer has seen that it is not ready
}

// address is where clients reach the node, through the proxy or past it.
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
		n.Process = harness.StartProcess(t, f.postgres.AddressAt(n.postgres.Listen), "--rate-limit", "off", "--presence-room-limit", "0",
			"--nats", "nats://"+n.nats.Listen, "--drain-delay", "5s")
		n.front = startProxy(t, "clients to "+n.name, strings.TrimPrefix(n.URL, "http://"))
		f.nodes = append(f.nodes, n)
	}
	t.Cleanup(f.stop)
	return f
}

// startPostgres starts a PostgreSQL that the test may kill.
func startPostgres(t testing.TB) *cluster.Cluster {
	t.Helper()
	if _, err := cluster.FindPrograms(t.Context()); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(err)
		}
		t.Skip(err)
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

// newClusterHTTP is NewHTTP for many clients: it keeps a connection for each of many clients, and gives up on a node
// that is silent.
func newClusterHTTP(t testing.TB) *http.Client {
	t.Helper()
	transport := &http.Transport{MaxIdleConnsPerHost: 256, ResponseHeaderTimeout: attemptTimeout}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// stop ends the nodes and looks through what they logged: an error there is a defect, whatever was done to the node.
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

// anyNode is a node by chance, but for those that a balancer would send nobody to.
func (f *testCluster) anyNode() *clusterNode {
	first := rand.IntN(len(f.nodes))
	for i := range f.nodes {
		if n := f.nodes[(first+i)%len(f.nodes)]; !n.notReady.Load() {
			return n
		}
	}
	return f.nodes[first]
}

// callUntilAnswered makes a request at one of the nodes after the other, until one has decided on it. An error says
// that none did in time.
func (f *testCluster) callUntilAnswered(ctx context.Context, c *harness.Client, nodes []*clusterNode, method, path string, body any, headers ...string) (*harness.Response, error) {
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
			return nil, fmt.Errorf("%s %s found no answer in time: %w", method, path, err)
		}
		pauseBriefly(ctx)
	}
}

// pauseBriefly is what a client does before it tries again, so that many of them do not make a bad hour worse.
func pauseBriefly(ctx context.Context) {
	select {
	case <-time.After(20*time.Millisecond + rand.N(80*time.Millisecond)):
	case <-ctx.Done():
	}
}

// forEachParallel works on each of the items, several at a time.
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
