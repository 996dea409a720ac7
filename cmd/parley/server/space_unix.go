//go:build linux || darwin

package server

import (
	"syscall"
)

// diskSpace returns how many bytes this process may still write to the disk of a folder, and the size of that disk.
func diskSpace(folder string) (free, total uint64, err error) {
	var fs syscall.Statfs_t
	if err := syscall.Statfs(folder, &fs); err != nil {
		return 0, 0, err
	}
	block := uint64(fs.Bsize) // its type depends on the system; never negative
	return fs.Bavail * block, fs.Blocks * block, nil
}
