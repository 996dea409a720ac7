package loadtest

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longestLatency is where the histograms end: what takes longer counts as that.
const longestLatency = time.Hour

// newLatencyHistogram is a histogram of microseconds, exact to a thousandth.
func newLatencyHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longestLatency.Microseconds(), 3)
}

func recordLatency(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d, 0), longestLatency).Microseconds()) // in its range, so it takes it
}

// latencies is a histogram that many record into.
type latencies struct {
	mu sync.Mutex
	h  *hdrhistogram.Histogram
}

func newLatencies() *latencies { return &latencies{h: newLatencyHistogram()} }

func (l *latencies) record(d time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	recordLatency(l.h, d)
}

// snapshot is a copy of what there is so far.
func (l *latencies) snapshot() *hdrhistogram.Histogram {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.h.Clone()
}

// corrected adds what was not measured because nothing was sent while a sender waited. Had it gone on to send once in
// an interval, one send that took ten of them would have been followed by one that took nine, one that took eight, and
// so on: this is HdrHistogram's correction for coordinated omission, after the fact, since the interval is known only
// then.
func corrected(h *hdrhistogram.Histogram, interval time.Duration) *hdrhistogram.Histogram {
	step := max(interval.Microseconds(), 1)
	c := newLatencyHistogram()
	for _, bar := range h.Distribution() {
		for value := bar.To; bar.Count > 0; {
			_ = c.RecordValues(value, bar.Count) // no more than what was in range
			if value -= step; value < step {
				break
			}
		}
	}
	return c
}
