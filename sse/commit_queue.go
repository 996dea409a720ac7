package sse

import (
	"slices"
	"sync"

	"github.com/parley-chat/parley/models"
)

// feedEvents and feedBytes bound what waits in a feed, and what came ahead of its turn. A tail that is so far behind reads the
// log faster.
const (
	feedEvents = 4096
	feedBytes  = 16 << 20
)

// Feed hands events to the tail without a detour through the database: those that this node has committed, and those of
// other nodes that the bus brings. It is a shortcut and no source of truth: what is missing in it, or comes in another
// order, the tail reads from the log.
type Feed struct {
	arrived chan struct{} // holds one wake-up for the tail; never closed

	mu      sync.Mutex
	waiting []models.LogEntry
	bytes   int  // of data in those
	lost    bool // some found no room, or the log is to be read for another reason
	publish func([]models.LogEntry)
}

// NewFeed makes an empty feed.
func NewFeed() *Feed {
	return &Feed{arrived: make(chan struct{}, 1), publish: func([]models.LogEntry) {}}
}

// Committed takes the events of a commit of this node, and passes them on to the bus. It does not block.
func (f *Feed) Committed(entries []models.LogEntry) {
	f.mu.Lock()
	publish := f.publish
	f.mu.Unlock()
	f.put(entries)
	publish(entries)
}

// join makes publish, which must not block, the way to the other nodes.
func (f *Feed) join(publish func([]models.LogEntry)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.publish = publish
}

func (f *Feed) put(entries []models.LogEntry) {
	size := sizeOf(entries)
	f.mu.Lock()
	if len(f.waiting)+len(entries) > feedEvents || f.bytes+size > feedBytes {
		f.lost = true
	} else {
		f.waiting = append(f.waiting, entries...)
		f.bytes += size
	}
	f.mu.Unlock()
	f.signal()
}

// wake lets the tail look at the log, though nothing may have come.
func (f *Feed) wake() {
	f.mu.Lock()
	f.lost = true
	f.mu.Unlock()
	f.signal()
}

func (f *Feed) signal() {
	select {
	case f.arrived <- struct{}{}:
	default: // the tail has yet to take an earlier one
	}
}

// take answers what has come, and whether that is all: if not, the log has the rest.
func (f *Feed) take() (entries []models.LogEntry, whole bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	entries, whole = f.waiting, !f.lost
	f.waiting, f.bytes, f.lost = nil, 0, false
	return entries, whole
}

// size is how many bytes of data wait in the feed.
func (f *Feed) size() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

// following takes from entries the run that follows position without a gap. The rest is what is further ahead; what the
// tail has had already is dropped.
func following(position int64, entries []models.LogEntry) (run, rest []models.LogEntry) {
	slices.SortFunc(entries, func(a, b models.LogEntry) int { return int(a.Position - b.Position) })
	for i, e := range entries {
		next := position + int64(len(run)) + 1
		switch {
		case e.Position == next:
			run = append(run, e)
		case e.Position > next:
			return run, entries[i:]
		}
	}
	return run, nil
}

// sizeOf is how many bytes of data the entries have.
func sizeOf(entries []models.LogEntry) (bytes int) {
	for _, e := range entries {
		bytes += len(e.Data)
	}
	return bytes
}
