//go:build unix

package loadtest

import (
	"math"
	"syscall"
)

// openFileLimit is how many files this process may have open.
func openFileLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64 // unknown: it will show
	}
	return uint64(limit.Cur) //nolint:unconvert // of another type on some systems
}
