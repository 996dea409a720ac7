package main

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// nodeFolder holds programs for Node.js, which use clients of others. "make test" fetches those.
const nodeFolder = "testdata/node"

// runNode runs one of the programs and answers what it prints. It bears no more than the time given.
func runNode(t *testing.T, most time.Duration, program string, args ...string) []byte {
	t.Helper()
	return runIn(t, nodeFolder, most, "node", append([]string{program}, args...)...)
}

// runIn runs a command in a folder and answers what it prints. It bears no more than the time given.
func runIn(t *testing.T, folder string, most time.Duration, command string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, command, args...)
	cmd.Dir = folder
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s%s", command, args, err, output, stderr.Bytes())
	}
	return output
}

// needNode passes over a test where Node.js or the packages are missing.
func needNode(t *testing.T) {
	t.Helper()
	long(t)
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(nodeFolder, "node_modules"))
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("this test needs Node.js, and what npm ci fetches: %v", err)
	default:
		t.Skipf("Node.js, or what npm ci fetches, is missing: %v", err)
	}
}

// needProgram passes over a test where a program is missing.
func needProgram(t *testing.T, name string) {
	t.Helper()
	long(t)
	if _, err := exec.LookPath(name); err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s: %v", name, err)
	} else if err != nil {
		t.Skipf("%s is missing: %v", name, err)
	}
}
