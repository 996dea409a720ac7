//go:build unix

package faults

import (
	"context"
	"fmt"
	"strings"
	"testing"

	toxiproxy "github.com/Shopify/toxiproxy/v2"
	"github.com/rs/zerolog"
)

// proxy is a TCP proxy between two programs that can impair the connection.
type proxy struct {
	t testing.TB
	*toxiproxy.Proxy
}

// startProxy starts a proxy in front of the server at a host and port. It is stopped at the end of the test.
func startProxy(t testing.TB, name, upstream string) *proxy {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // parts of toxiproxy ignore the logger that they are given
	server := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &proxy{t, toxiproxy.NewProxy(server, name, "127.0.0.1:0", upstream)}
	p.restore()
	t.Cleanup(p.Stop)
	return p
}

// cut closes all connections, and refuses new ones until restore.
func (p *proxy) cut() { p.Stop() }

func (p *proxy) restore() {
	p.t.Helper()
	if err := p.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// addToxic impairs the connections: kind and attributes are those of toxiproxy, direction is upstream or downstream.
// undo removes the impairment.
func (p *proxy) addToxic(kind, direction, attributes string) (undo func()) {
	p.t.Helper()
	name := kind + " " + direction
	_, err := p.Toxics.AddToxicJson(strings.NewReader(fmt.Sprintf(
		`{"name": %q, "type": %q, "stream": %q, "toxicity": 1, "attributes": {%s}}`, name, kind, direction, attributes)))
	if err != nil {
		p.t.Fatal(err)
	}
	return func() {
		if err := p.Toxics.RemoveToxic(context.Background(), name); err != nil {
			p.t.Error(err)
		}
	}
}

// dropAll drops all packets without closing connections, like a pulled cable. undo closes the affected connections.
func (p *proxy) dropAll() (undo func()) {
	p.t.Helper()
	up := p.addToxic("timeout", "upstream", `"timeout": 0`)
	down := p.addToxic("timeout", "downstream", `"timeout": 0`)
	return func() { up(); down() }
}
