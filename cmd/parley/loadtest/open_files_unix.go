//go:build unix

package loadtest

import (
	"math"
	"syscall"
)

// openFileLimit returns how many files this process may have open.
func openFileLimit() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return math.MaxUint64 // unknown: opening files will fail if there is a limit
	}
	return uint64(limit.Cur) //nolint:unconvert // its type depends on the system
}
