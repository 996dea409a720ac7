package sse

import (
	"context"
	"slices"
	"sync"
	"time"
)

const (
	// flushAtOnce is the largest number of streams that are flushed by the goroutine that has queued their frames. To wake
	// another one takes longer than that many writes.
	flushAtOnce = 8
	// flushShare is how many streams a flusher takes at once. It is small, so that all flushers finish at the same time.
	flushShare = 16
	// longYield is how long a yield may take without consequences. After a longer one, the flusher does not yield for
	// workPerYield times as long. Requests and their commit take less; goroutines that only compute take a time slice of
	// 10 ms each.
	longYield    = 8 * time.Millisecond
	workPerYield = 4
)

// flushQueue holds the streams that have to be flushed, the first one first. Flushers take them from it, one goroutine
// for each core, so that no core is free while a stream waits. All that is queued for a stream until its turn leaves in
// one write: under load the writes grow, instead of their number, and nothing waits for more to come. The lock of the
// stream keeps its frames in order, whoever flushes it.
type flushQueue struct {
	wake  chan struct{} // each value wakes one flusher; never closed
	taken chan struct{} // wakes the log consumer when streams were taken; capacity 1, never closed

	mu      sync.Mutex // taken last
	streams []*Stream
	next    int    // the first of streams that is not taken yet
	added   uint64 // how many streams were ever added
}

// newFlushQueue returns a queue for a number of flushers.
func newFlushQueue(flushers int) *flushQueue {
	return &flushQueue{wake: make(chan struct{}, flushers), taken: make(chan struct{}, 1)}
}

// add adds streams, and wakes as many flushers as can share them.
func (q *flushQueue) add(streams []*Stream) {
	q.mu.Lock()
	if q.next > len(q.streams)/2 { // most of it is taken: the rest is moved to its beginning
		q.streams = slices.Delete(q.streams, 0, q.next)
		q.next = 0
	}
	q.streams = append(q.streams, streams...)
	q.added += uint64(len(streams))
	q.mu.Unlock()
	for range min(cap(q.wake), (len(streams)+flushShare-1)/flushShare) {
		select {
		case q.wake <- struct{}{}:
		default: // all of them will look at the queue again
			return
		}
	}
}

// take removes the first streams from the queue and appends them to share, which is returned empty once there are none.
func (q *flushQueue) take(share []*Stream) []*Stream {
	q.mu.Lock()
	defer q.mu.Unlock()
	first := q.streams[q.next:min(q.next+flushShare, len(q.streams))]
	share = append(share, first...)
	clear(first)
	q.next += len(first)
	select {
	case q.taken <- struct{}{}:
	default: // a wake-up is pending already
	}
	return share
}

// end returns a number for waitTaken: that of the last stream in the queue.
func (q *flushQueue) end() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.added
}

// waitTaken waits until all streams up to the one with number end were taken. Only the log consumer calls it.
func (q *flushQueue) waitTaken(ctx context.Context, end uint64) {
	for {
		q.mu.Lock()
		done := q.added-uint64(len(q.streams)-q.next) >= end
		q.mu.Unlock()
		if done {
			return
		}
		select {
		case <-q.taken:
		case <-ctx.Done():
			return
		}
	}
}

// flusher writes to the streams that it takes from the queue. It never waits for a client.
type flusher struct {
	hub       *Hub
	share     []*Stream
	joiner    joiner
	yield     func()    // lets others run
	busyUntil time.Time // it does not yield before
}

// runFlusher flushes streams until ctx is done.
func (h *Hub) runFlusher(ctx context.Context) {
	others := newNetworkYield()
	defer others.close()
	f := flusher{hub: h, yield: others.yield}
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.flushes.wake:
			f.flushAll()
		}
	}
}

// flushAll flushes streams until none is left in the queue. After each share it lets others run: the requests whose
// messages will be joined with what has to be written next.
func (f *flusher) flushAll() {
	defer f.joiner.reset()
	for {
		f.share = f.hub.flushes.take(f.share[:0])
		if len(f.share) == 0 {
			return
		}
		for _, s := range f.share {
			s.flush(&f.joiner)
		}
		clear(f.share)
		if f.hub.ended.any.Load() { // a write has failed
			f.hub.withLock(func() {})
		}
		f.letOthersRun()
	}
}

// letOthersRun yields, unless that has just taken long: while others need all cores, for example to check passwords,
// it costs a time slice of some of them each time. Go lets them run in any case, after a time slice of the flusher.
func (f *flusher) letOthersRun() {
	began := time.Now()
	if began.Before(f.busyUntil) {
		return
	}
	f.yield()
	end := time.Now()
	if took := end.Sub(began); took > longYield {
		f.busyUntil = end.Add(workPerYield * took)
	}
}

// leaveToFlushers hands all streams that have to be flushed to the flushers, however few they are: what comes often and
// is small, such as typing, is joined with what other requests have for the same streams. h.mu is held.
func (h *Hub) leaveToFlushers() {
	if len(h.toFlush) > 0 {
		h.flushes.add(h.toFlush)
		clear(h.toFlush)
		h.toFlush = h.toFlush[:0]
	}
}

// joiner joins the slices that are queued for a stream into one. Most streams of a room have the same ones queued, so
// it keeps the last result, in a buffer that is used again for the next one. A nil joiner keeps nothing.
type joiner struct {
	parts  [][]byte
	joined []byte
}

// join returns head and tail as one slice, which is valid until the next call.
func (j *joiner) join(head []byte, tail [][]byte, size int) []byte {
	switch {
	case len(tail) == 0:
		return head
	case j == nil:
		return appendAll(make([]byte, 0, size), head, tail)
	case !j.holds(head, tail):
		j.parts = append(append(j.parts[:0], head), tail...)
		j.joined = appendAll(j.joined[:0], head, tail)
	}
	return j.joined
}

// holds reports whether the last result was of the same slices.
func (j *joiner) holds(head []byte, tail [][]byte) bool {
	if len(j.parts) != len(tail)+1 || !sameSlice(j.parts[0], head) {
		return false
	}
	for i, part := range tail {
		if !sameSlice(j.parts[i+1], part) {
			return false
		}
	}
	return true
}

// reset drops the last result, so that its frames can be freed.
func (j *joiner) reset() {
	clear(j.parts)
	j.parts = j.parts[:0]
}

func sameSlice(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

func appendAll(b, head []byte, tail [][]byte) []byte {
	b = append(b, head...)
	for _, frames := range tail {
		b = append(b, frames...)
	}
	return b
}
