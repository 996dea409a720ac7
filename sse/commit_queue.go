package sse

import (
	"slices"
	"sync"

	"github.com/parley-chat/parley/models"
)

// feedEvents and feedBytes bound what waits in a feed, and what came ahead of its turn. A tail that is so far behind reads the
// log faster.
const (
	commitQueueEvents = 4096
	commitQueueBytes  = 16 << 20
)

// Feed hands events to the tail without a detour through the database: those that this node has committed, and those of
// other nodes that the bus brings. It is a shortcut and no source of truth: what is missing in it, or comes in another
// order, the tail reads from the log.
type Feed struct {
	ready chan struct{} // holds one wake-up for the tail; never closed

	mu         sync.Mutex
	entries    []models.LogEntry
	bytes      int  // of data in those
	incomplete bool // some found no room, or the log is to be read for another reason
	publish    func([]models.LogEntry)
}

// NewFeed makes an empty feed.
func NewFeed() *Feed {
	return &Feed{ready: make(chan struct{}, 1), publish: func([]models.LogEntry) {}}
}

// Committed takes the events of a commit of this node, and passes them on to the bus. It does not block.
func (f *Feed) Committed(entries []models.LogEntry) {
	f.mu.Lock()
	publish := f.publish
	f.mu.Unlock()
	f.add(entries)
	publish(entries)
}

// join makes publish, which must not block, the way to the other nodes.
func (f *Feed) setPublisher(publish func([]models.LogEntry)) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.publish = publish
}

func (f *Feed) add(entries []models.LogEntry) {
	size := dataBytes(entries)
	f.mu.Lock()
	if len(f.entries)+len(entries) > commitQueueEvents || f.bytes+size > commitQueueBytes {
		f.incomplete = true
	} else {
		f.entries = append(f.entries, entries...)
		f.bytes += size
	}
	f.mu.Unlock()
	f.signal()
}

// wake lets the tail look at the log, though nothing may have come.
func (f *Feed) requestLogRead() {
	f.mu.Lock()
	f.incomplete = true
	f.mu.Unlock()
	f.signal()
}

func (f *Feed) signal() {
	select {
	case f.ready <- struct{}{}:
	default: // the tail has yet to take an earlier one
	}
}

// take answers what has come, and whether that is all: if not, the log has the rest.
func (f *Feed) takeAll() (entries []models.LogEntry, whole bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	entries, whole = f.entries, !f.incomplete
	f.entries, f.bytes, f.incomplete = nil, 0, false
	return entries, whole
}

// size is how many bytes of data wait in the feed.
func (f *Feed) pendingBytes() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.bytes
}

// following takes from entries the run that follows position without a gap. The rest is what is further ahead; what the
// tail has had already is dropped.
func contiguous(position int64, entries []models.LogEntry) (run, rest []models.LogEntry) {
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
func dataBytes(entries []models.LogEntry) (bytes int) {
	for _, e := range entries {
		bytes += len(e.Data)
	}
	return bytes
}
