package main

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// TestFastRunsHaveTemporaryFilesInMemory: the command's temporary folder is in memory, that of go builds is not, and
// nothing is left of it.
func TestFastRunsHaveTemporaryFilesInMemory(t *testing.T) {
	needMemoryDisk(t)
	cmd := program(t, []string{addressVariable + "=postgres://elsewhere"}, "-fast", "--",
		"sh", "-c", `echo left >"$TMPDIR/file" && echo "$TMPDIR $GOTMPDIR"`)
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	temporary, build, _ := strings.Cut(strings.TrimSpace(string(output)), " ")
	if !strings.HasPrefix(temporary, memoryDisk+"/") || build != goTempDir() {
		t.Errorf("the folders are %q and %q", temporary, build)
	}
	if _, err := os.Stat(temporary); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", temporary, err)
	}
}

// TestFoldersOfKilledRunsAreRemoved: a run that was killed leaves its folder, and the next run removes it, but not that
// of a run that is still there.
func TestFoldersOfKilledRunsAreRemoved(t *testing.T) {
	needMemoryDisk(t)
	const noProcess = 1 << 30 // larger than any process number of Linux
	left := fmt.Sprintf("%s/%s%d-left", memoryDisk, folderPrefix, noProcess)
	used := fmt.Sprintf("%s/%s%d-used", memoryDisk, folderPrefix, os.Getpid())
	for _, folder := range []string{left, used} {
		if err := os.MkdirAll(folder+"/data", 0o700); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(folder) })
	}
	removeLeftFolders()
	if _, err := os.Stat(left); !os.IsNotExist(err) {
		t.Errorf("%s is left: %v", left, err)
	}
	if _, err := os.Stat(used); err != nil {
		t.Error(err)
	}
}

// needMemoryDisk skips the test if makeMemoryFolder makes no folder on this machine.
func needMemoryDisk(t *testing.T) {
	t.Helper()
	folder, err := makeMemoryFolder()
	if err != nil || folder == "" {
		t.Skipf("this machine has too little memory, or no disk in it: %v", err)
	}
	if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
}
