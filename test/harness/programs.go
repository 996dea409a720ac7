package harness

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
	"time"
)

// RepositoryRoot is the folder of go.mod, in or above the one in which a test runs.
var RepositoryRoot = sync.OnceValue(func() string {
	folder, err := filepath.Abs(".")
	if err != nil {
		panic(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(folder, "go.mod")); err == nil {
			return folder
		}
		if folder == filepath.Dir(folder) {
			panic("the tests run outside of the repository")
		}
		folder = filepath.Dir(folder)
	}
})

// RepositoryPath is the absolute path of a file of the repository.
func RepositoryPath(name string) string { return filepath.Join(RepositoryRoot(), name) }

// NodeFolder is the folder of programs for Node.js, which use clients of others. "make test" fetches their packages.
func NodeFolder() string { return RepositoryPath("test/clients/node") }

// RunNode runs one of the programs of NodeFolder, for at most that long, and returns what it prints.
func RunNode(t *testing.T, most time.Duration, program string, args ...string) []byte {
	t.Helper()
	return RunIn(t, NodeFolder(), most, "node", append([]string{program}, args...)...)
}

// RunIn runs a command in a folder, for at most that long, and returns what it prints.
func RunIn(t *testing.T, folder string, most time.Duration, command string, args ...string) []byte {
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

// NeedNode skips a test where Node.js or the packages are missing; in CI the test fails.
func NeedNode(t *testing.T) {
	t.Helper()
	Long(t)
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(NodeFolder(), "node_modules"))
	}
	switch {
	case err == nil:
	case os.Getenv("CI") == "true":
		t.Fatalf("this test needs Node.js, and what npm ci fetches: %v", err)
	default:
		t.Skipf("Node.js, or what npm ci fetches, is missing: %v", err)
	}
}

// NeedProgram skips a test where a program is missing; in CI the test fails.
func NeedProgram(t *testing.T, name string) {
	t.Helper()
	Long(t)
	if _, err := exec.LookPath(name); err != nil && os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s: %v", name, err)
	} else if err != nil {
		t.Skipf("%s is missing: %v", name, err)
	}
}

// NeedBrowser finds Chromium or its like, or skips the test. CHROMIUM says where it is, if not on the path. The build
// without windows comes first: it is the same engine, and takes two thirds of the processor.
func NeedBrowser(t *testing.T) string {
	t.Helper()
	return FindBrowser(t, "Chromium", os.Getenv("CHROMIUM"),
		"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
}

// FindBrowser finds a browser by the names that its program may have, or skips the test. It starts the program, because
// a file of that name may only print how to install the browser.
func FindBrowser(t *testing.T, browser string, names ...string) string {
	t.Helper()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err == nil && exec.CommandContext(t.Context(), path, "--version").Run() == nil {
			return path
		}
	}
	if os.Getenv("CI") == "true" {
		t.Fatalf("this test needs %s", browser)
	}
	t.Skipf("%s is missing", browser)
	return ""
}
