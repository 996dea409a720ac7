//go:build !linux

package main

import "testing"

func benchDeliver(b *testing.B, t *table) {
	b.Helper()
	const missing = "needs Linux, where thousands of sockets can be read cheaply (epoll)"
	t.lack("deliveries per second", missing)
	b.Skip(missing)
}
