package sse

import (
	"slices"
	"sync"

	"github.com/parley-chat/parley/models"
)

// commitQueueEvents and commitQueueBytes limit the queue, and the events that wait for a gap to be filled. A log
// consumer that is further behind reads the log faster.
const (
	commitQueueEvents = 4096
	commitQueueBytes  = 16 << 20
)

// CommitQueue hands events to the log consumer without a query: those that this node has committed, and those of other
// nodes that the bus brings. It is only a shortcut: what it misses or has in another order, the consumer reads from the
// log.
type CommitQueue struct {
	ready chan struct{} // wakes the log consumer; capacity 1, never closed

	mu         sync.Mutex
	entries    []models.LogEntry
	bytes      int  // of the entries' data
	incomplete bool // events were dropped, or a read of the log was requested
	publish    func([]models.LogEntry)
}

// NewCommitQueue returns an empty queue.
func NewCommitQueue() *CommitQueue {
	return &CommitQueue{ready: make(chan struct{}, 1), publish: func([]models.LogEntry) {}}
}

// Committed adds the events of a commit of this node, and passes them to the bus. It does not block.
func (q *CommitQueue) Committed(entries []models.LogEntry) {
	q.mu.Lock()
	publish := q.publish
	q.mu.Unlock()
	q.add(entries)
	publish(entries)
}

// setPublisher sets the function that passes commits to the other nodes. It must not block.
func (q *CommitQueue) setPublisher(publish func([]models.LogEntry)) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.publish = publish
}

func (q *CommitQueue) add(entries []models.LogEntry) {
	size := dataBytes(entries)
	q.mu.Lock()
	if len(q.entries)+len(entries) > commitQueueEvents || q.bytes+size > commitQueueBytes {
		q.incomplete = true
	} else {
		q.entries = append(q.entries, entries...)
		q.bytes += size
	}
	q.mu.Unlock()
	q.signal()
}

// requestLogRead makes the log consumer read the log, even if nothing was queued.
func (q *CommitQueue) requestLogRead() {
	q.mu.Lock()
	q.incomplete = true
	q.mu.Unlock()
	q.signal()
}

func (q *CommitQueue) signal() {
	select {
	case q.ready <- struct{}{}:
	default: // a wake-up is pending already
	}
}

// takeAll removes and returns the queued events. If whole is false, some are missing and have to be read from the
// log.
func (q *CommitQueue) takeAll() (entries []models.LogEntry, whole bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	entries, whole = q.entries, !q.incomplete
	q.entries, q.bytes, q.incomplete = nil, 0, false
	return entries, whole
}

// contiguous returns the events that follow position without a gap, and those after the gap. Events up to position
// are dropped.
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

// dataBytes returns the size of the entries' data.
func dataBytes(entries []models.LogEntry) (bytes int) {
	for _, e := range entries {
		bytes += len(e.Data)
	}
	return bytes
}
