package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

const (
	memoryDisk   = "/dev/shm"
	folderPrefix = "parley-tests-" // then the number of the process that removes the folder, and random characters
	// The files of all tests that run at the same time: the largest upload is 2 GB, and is stored twice.
	neededSpace  = 8 << 30
	neededMemory = 12 << 30
)

// makeMemoryFolder creates a temporary folder in memory, where creating and deleting the files of a database costs a
// fraction of what it does on a disk. It returns an empty name if the system has no such disk, too little memory, or
// does not allow programs there, which the tests build.
func makeMemoryFolder() (string, error) {
	var disk unix.Statfs_t
	if err := unix.Statfs(memoryDisk, &disk); err != nil || disk.Type != unix.TMPFS_MAGIC {
		return "", nil //nolint:nilerr // no such disk: the usual temporary folder is used
	}
	if disk.Flags&unix.ST_NOEXEC != 0 || disk.Bavail*uint64(disk.Bsize) < neededSpace || availableMemory() < neededMemory {
		return "", nil
	}
	removeLeftFolders()
	folder, err := os.MkdirTemp(memoryDisk, fmt.Sprintf("%s%d-", folderPrefix, os.Getpid()))
	if err != nil {
		return "", nil //nolint:nilerr // it cannot be written to
	}
	if err := os.Chmod(folder, 0o711); err != nil { //nolint:gosec // PostgreSQL has an account of its own
		return "", errors.Join(err, os.RemoveAll(folder))
	}
	return folder, nil
}

// removeLeftFolders removes the folders of processes that were killed before they could do it: they would take memory
// until the machine restarts. Errors are ignored, since a folder may belong to another user.
func removeLeftFolders() {
	folders, err := filepath.Glob(filepath.Join(memoryDisk, folderPrefix+"*"))
	if err != nil {
		return
	}
	for _, folder := range folders {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(folder), folderPrefix), "-")
		pid, err := strconv.Atoi(owner)
		if err == nil && errors.Is(unix.Kill(pid, 0), unix.ESRCH) {
			_ = os.RemoveAll(folder)
		}
	}
}

// availableMemory returns how many bytes of memory programs can get without swapping, or 0 if that is not known.
func availableMemory() int64 {
	content, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0
	}
	_, line, _ := bytes.Cut(content, []byte("MemAvailable:"))
	var kilobytes int64
	if _, err := fmt.Sscan(string(line), &kilobytes); err != nil {
		return 0
	}
	return kilobytes << 10
}
