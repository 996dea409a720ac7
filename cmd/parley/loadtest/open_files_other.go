//go:build !unix

package loadtest

import "math"

// openFileLimit returns how many files this process may have open: on this system there is no limit.
func openFileLimit() uint64 { return math.MaxUint64 }
