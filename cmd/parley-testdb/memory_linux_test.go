package main

import (
	"os"
	"strings"
	"testing"
)

// TestFastRunsHaveTemporaryFilesInMemory: the command's temporary folder is in memory, that of go builds is not, and
// nothing is left of it.
func TestFastRunsHaveTemporaryFilesInMemory(t *testing.T) {
	if folder, err := makeMemoryFolder(); err != nil || folder == "" {
		t.Skipf("this machine has too little memory, or no disk in it: %v", err)
	} else if err := os.Remove(folder); err != nil {
		t.Fatal(err)
	}
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
