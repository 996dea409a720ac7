package replay

import (
	"fmt"
	"io"
	"sync"
)

// mostDifferences bounds how many differences are told one by one.
const mostDifferences = 50

// report gathers whatever was not as it should be.
type report struct {
	mu    sync.Mutex
	lines []string
	found int
}

// differ notes a difference.
func (r *report) differ(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.found++
	if len(r.lines) < mostDifferences {
		r.lines = append(r.lines, fmt.Sprintf(format, args...))
	}
}

// differences is how many there are.
func (r *report) differences() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.found
}

// write lists the differences, one line each.
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
