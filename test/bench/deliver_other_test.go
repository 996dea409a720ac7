//go:build !linux

package bench

import "testing"

// missingEpoll is why thousands of streams are not measured.
const missingEpoll = "needs Linux, where thousands of sockets can be read cheaply (epoll)"

func benchDeliver(b *testing.B, t *table) {
	b.Helper()
	t.lack("deliveries per second", missingEpoll)
	b.Skip(missingEpoll)
}

func benchReceipts(b *testing.B, t *table) {
	b.Helper()
	t.lack("the time from send to receipt", missingEpoll)
	b.Skip(missingEpoll)
}

func benchMemory(b *testing.B, t *table) {
	b.Helper()
	t.lack("memory of an idle stream", missingEpoll)
	b.Skip(missingEpoll)
}
