//go:build !unix

package deadline

// MaxOpenFiles returns how many files connections may have open together: 0, for no limit.
func MaxOpenFiles() int { return 0 }
