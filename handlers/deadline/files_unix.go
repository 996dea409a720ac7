//go:build unix

package deadline

import "syscall"

// reserve is how many files are reserved for everything but connections, a quarter if there are few: above all for the
// database, which opens more under load.
const reserve = 1024

// MaxOpenFiles returns how many files connections may have open together, 0 for no limit: the limit of the process,
// which Go raises to its maximum, without the reserve.
func MaxOpenFiles() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0
	}
	files := int(limit.Cur) // it is below 2^30
	return files - min(reserve, files/4)
}
