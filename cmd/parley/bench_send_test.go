package main

import (
	"fmt"
	"runtime"
	"testing"
	"time"
)

const (
	// In each round Parley and the bare loop take so many turns of sendSpell each: short ones, since the speed of a disk
	// changes from one second to the next. sendWarmUp is before the first.
	sendTurns  = 3
	sendSpell  = 500 * time.Millisecond
	sendWarmUp = 300 * time.Millisecond
	// sendCharacters is the length of a message.
	sendCharacters = 200
)

// benchDatabase is one of the databases, and how to write to it with nothing but its driver.
type benchDatabase struct {
	name, title string
	make        func(testing.TB) string
	bare        func(b *testing.B, database string) bareDriver
}

// benchSend measures the messages that are acknowledged per second, each to a client that waits for it before it sends
// the next, beside a loop that commits the same rows through the same driver in groups of the same size.
func benchSend(b *testing.B, t *table) {
	for _, d := range []benchDatabase{
		{"sqlite", "SQLite", newSQLite, openBareSQLite},
		{"postgres", "PostgreSQL", newPostgres, openBarePostgres},
	} {
		for _, senders := range []int{1, 32, 256} {
			b.Run(fmt.Sprintf("%s/senders=%d", d.name, senders), func(b *testing.B) { d.compareSends(b, t, senders) })
		}
	}
}

func (d benchDatabase) compareSends(b *testing.B, t *table, n int) {
	s := startServer(b, d.make(b), "--rate-limit", "off")
	senders := newSenders(b, s.url, newChat(b, s.url, n), n, sendCharacters)
	database := d.make(b)
	bare := newBareLoop(newChatIn(b, database, n), d.bare(b, database))
	sendFor(b, senders, sendWarmUp)
	bare.commitFor(b, 1, sendWarmUp)

	var rates pair
	var sizes series
	for b.Loop() {
		var parley, beside, size float64
		for range sendTurns {
			rate, mean := sendCounted(b, s, senders)
			parley += rate / sendTurns
			size += mean / sendTurns
			runtime.GC()
			beside += bare.commitFor(b, mean, sendSpell) / sendTurns
		}
		rates.add(parley, beside)
		sizes = append(sizes, size)
	}
	rates.report(b, "parley-msgs/s", "bare-msgs/s", "parley/bare")
	b.ReportMetric(sizes.median(), "msgs/group")
	t.add(fmt.Sprintf("messages acknowledged per second, %s, %d at a time", d.title, n), rates,
		fmt.Sprintf("bare loop in groups of %.1f", sizes.median()), whole)
}

// sendCounted lets all senders send for a turn. size is how many of their messages a commit held, in the mean.
func sendCounted(b *testing.B, s *testServer, senders []*sender) (rate, size float64) {
	b.Helper()
	runtime.GC()
	groupsBefore, messagesBefore := s.store.SendGroups()
	rate = sendFor(b, senders, sendSpell)
	groups, messages := s.store.SendGroups()
	return rate, float64(messages-messagesBefore) / float64(groups-groupsBefore)
}
