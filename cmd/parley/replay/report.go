package replay

import (
	"fmt"
	"io"
	"sync"
)

// mostDifferences is how many differences are listed at most.
const mostDifferences = 50

// report collects the differences.
type report struct {
	mu    sync.Mutex
	lines []string
	found int
}

// differ adds a difference.
func (r *report) differ(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found++
	if len(r.lines) < mostDifferences {
		r.lines = append(r.lines, fmt.Sprintf(format, args...))
	}
}

// differences returns the number of differences.
func (r *report) differences() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.found
}

// write writes the differences to w, one line each.
func (r *report) write(w io.Writer) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, line := range r.lines {
		fmt.Fprintln(w, line)
	}
	if more := r.found - len(r.lines); more > 0 {
		fmt.Fprintf(w, "and %d more\n", more)
	}
}
