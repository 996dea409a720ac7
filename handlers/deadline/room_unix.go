//go:build unix

package deadline

import "syscall"

// reserve is how many files are left to all but connections, of few files a fourth: to the database, above all, which
// opens some when many ask at once.
const reserve = 1024

// Room is how many files connections may have open together, 0 for no bound. It is the process's limit, which Go raises to
// what it may be, less what the rest of the process needs.
func Room() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur > 1<<30 {
		return 0
	}
	files := int(limit.Cur) // it is below 2^30
	return files - min(reserve, files/4)
}
