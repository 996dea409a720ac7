//go:build !unix

package sse

import "runtime"

// networkYield gives way to other goroutines.
type networkYield struct{}

func newNetworkYield() *networkYield { return &networkYield{} }

func (*networkYield) yield() { runtime.Gosched() }

func (*networkYield) close() {}
