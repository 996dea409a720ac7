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

// proxy stands between two programs, and can be told to be a bad line.
type proxy struct {
	t testing.TB
	*toxiproxy.Proxy
}

// startProxy starts a proxy before the server at a host and port. It ends with the test.
func startProxy(t testing.TB, name, upstream string) *proxy {
	t.Helper()
	zerolog.SetGlobalLevel(zerolog.Disabled) // some of its parts log elsewhere than where they are told to
	house := toxiproxy.NewServer(toxiproxy.NewMetricsContainer(nil), zerolog.Nop())
	p := &proxy{t, toxiproxy.NewProxy(house, name, "127.0.0.1:0", upstream)}
	p.restore()
	t.Cleanup(p.Stop)
	return p
}

// cut breaks all connections, and refuses new ones until restore.
func (p *proxy) cut() { p.Stop() }

func (p *proxy) restore() {
	p.t.Helper()
	if err := p.Start(); err != nil {
		p.t.Fatal(err)
	}
}

// addToxic makes the line bad: kind and attributes are toxiproxy's, direction is upstream or downstream. undo undoes
// it.
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

// dropAll lets nothing through and breaks nothing, as a cable that is pulled. undo breaks what was silent.
func (p *proxy) dropAll() (undo func()) {
	p.t.Helper()
	up := p.addToxic("timeout", "upstream", `"timeout": 0`)
	down := p.addToxic("timeout", "downstream", `"timeout": 0`)
	return func() { up(); down() }
}
