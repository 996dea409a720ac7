//go:build !linux

package bench

import "testing"

// missingEpoll is the reason why benchmarks with thousands of streams are skipped.
const missingEpoll = "needs Linux, where thousands of sockets can be read cheaply (epoll)"

func benchDeliver(b *testing.B, t *table) {
	b.Helper()
	t.addMissing("deliveries per second", missingEpoll)
	b.Skip(missingEpoll)
}

func benchCores(b *testing.B, t *table) {
	b.Helper()
	t.addMissing("deliveries per second on all cores", missingEpoll)
	b.Skip(missingEpoll)
}

func benchSendCost(b *testing.B, t *table) {
	b.Helper()
	t.addMissing("server CPU of a send", "needs Linux, where the CPU time of another process can be read")
	b.Skip("needs Linux")
}

func benchReceipts(b *testing.B, t *table) {
	b.Helper()
	t.addMissing("the time from send to receipt", missingEpoll)
	b.Skip(missingEpoll)
}

func benchMemory(b *testing.B, t *table) {
	b.Helper()
	t.addMissing("memory of an idle stream", missingEpoll)
	b.Skip(missingEpoll)
}
