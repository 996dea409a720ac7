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
	ctx, cancel := context.WithTimeout(context.Background(), most)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", append([]string{program}, args...)...)
	cmd.Dir = nodeFolder
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", program, err, stderr.Bytes())
	}
	return output
}

// needNode passes over a test where Node.js or the packages are missing.
func needNode(t *testing.T) {
	t.Helper()
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
