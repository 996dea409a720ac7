package loadtest

import (
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// longestLatency is the end of the histograms: longer times count as this.
const longestLatency = time.Hour

// newLatencyHistogram returns a histogram of microseconds, exact to a thousandth.
func newLatencyHistogram() *hdrhistogram.Histogram {
	return hdrhistogram.New(1, longestLatency.Microseconds(), 3)
}

func recordLatency(h *hdrhistogram.Histogram, d time.Duration) {
	_ = h.RecordValue(min(max(d, 0), longestLatency).Microseconds()) // cannot fail: the value is in range
}

// latencies is a histogram for several goroutines.
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

// snapshot returns a copy of the histogram.
func (l *latencies) snapshot() *hdrhistogram.Histogram {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.h.Clone()
}

// corrected adds the sends that were not measured because a sender waited. If the sender had continued to send once per
// interval, a send that took ten intervals would have been followed by one that took nine, one that took eight, and so
// on. This is HdrHistogram's correction for coordinated omission, applied afterwards because the interval is only known
// then.
func corrected(h *hdrhistogram.Histogram, interval time.Duration) *hdrhistogram.Histogram {
	step := max(interval.Microseconds(), 1)
	c := newLatencyHistogram()
	for _, bar := range h.Distribution() {
		for value := bar.To; bar.Count > 0; {
			_ = c.RecordValues(value, bar.Count) // cannot fail: no value is larger than before
			if value -= step; value < step {
				break
			}
		}
	}
	return c
}
