//go:build !unix

package loadtest

import "math"

// openFileLimit is how many files this process may have open: there is no such limit here.
func openFileLimit() uint64 { return math.MaxUint64 }
