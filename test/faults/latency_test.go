//go:build unix

package faults

import (
	"math"
	"sync/atomic"
	"time"
)

const (
	latencySlice = 250 * time.Millisecond
	latencySpan  = 3 * time.Minute
	latencyBins  = 64
)

// recorder counts deliveries by their time and their latency. Any number of readers may call add at once.
type recorder struct {
	start  atomic.Pointer[time.Time]
	slices [latencySpan / latencySlice][latencyBins]atomic.Int64
}

// reset drops all counts and starts now.
func (r *recorder) reset() {
	now := time.Now()
	r.start.Store(&now)
	for i := range r.slices {
		for j := range r.slices[i] {
			r.slices[i][j].Store(0)
		}
	}
}

func (r *recorder) add(at time.Time, took time.Duration) {
	if i, ok := r.slice(at); ok {
		r.slices[i][binIndex(took)].Add(1)
	}
}

func (r *recorder) slice(at time.Time) (int, bool) {
	start := r.start.Load()
	if start == nil || at.Before(*start) {
		return 0, false
	}
	i := int(at.Sub(*start) / latencySlice)
	return i, i < len(r.slices)
}

// binIndex returns the bin of a latency. The first bin ends at 0.5 ms; each next one ends 25 % later.
func binIndex(took time.Duration) int {
	ms := took.Seconds() * 1000
	if ms <= 0.5 {
		return 0
	}
	return min(latencyBins-1, int(math.Ceil(math.Log(ms/0.5)/math.Log(1.25))))
}

func binEnd(bin int) time.Duration {
	return time.Duration(0.5 * math.Pow(1.25, float64(bin)) * float64(time.Millisecond))
}

// latencyWindow is the number and the latency of the deliveries in a period.
type latencyWindow struct {
	count    int64
	took     time.Duration
	p50, p99 time.Duration
}

// perSecond returns the number of deliveries per second.
func (s latencyWindow) perSecond() float64 { return float64(s.count) / s.took.Seconds() }

// between returns the deliveries from one time to another, both rounded down to a slice.
func (r *recorder) between(from, to time.Time) latencyWindow {
	first, _ := r.slice(from)
	last, ok := r.slice(to)
	if !ok {
		last = len(r.slices)
	}
	var bins [latencyBins]int64
	s := latencyWindow{took: max(to.Sub(from), latencySlice)}
	for i := first; i < last; i++ {
		for j := range bins {
			n := r.slices[i][j].Load()
			bins[j] += n
			s.count += n
		}
	}
	s.p50, s.p99 = quantileOf(&bins, s.count, 0.5), quantileOf(&bins, s.count, 0.99)
	return s
}

func quantileOf(bins *[latencyBins]int64, count int64, q float64) time.Duration {
	below := int64(0)
	for j, n := range bins {
		if below += n; n > 0 && float64(below) >= q*float64(count) {
			return binEnd(j)
		}
	}
	return 0
}
