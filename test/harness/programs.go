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

// RepositoryRoot returns the folder of go.mod, which is the working directory of the test or one of its parents.
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

// RepositoryPath returns the absolute path of a file of the repository.
func RepositoryPath(name string) string { return filepath.Join(RepositoryRoot(), name) }

// NodeFolder returns the folder of the Node.js programs, which use third-party clients. "make test" fetches their
// packages.
func NodeFolder() string { return RepositoryPath("test/clients/node") }

// RunNode runs one of the programs of NodeFolder until the timeout, and returns its standard output.
func RunNode(t *testing.T, timeout time.Duration, program string, args ...string) []byte {
	t.Helper()
	return RunCommand(t, NodeFolder(), timeout, "node", append([]string{program}, args...)...)
}

// RunCommand runs a command in a folder until the timeout, and returns its standard output. The test fails if the
// command does.
func RunCommand(t *testing.T, folder string, timeout time.Duration, command string, args ...string) []byte {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
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

// NeedNode skips the test if Node.js or the packages are missing. In CI the test fails.
func NeedNode(t *testing.T) {
	t.Helper()
	SkipIfShort(t)
	_, err := exec.LookPath("node")
	if err == nil {
		_, err = os.Stat(filepath.Join(NodeFolder(), "node_modules"))
	}
	if err != nil {
		Missing(t, "Node.js or the packages of npm ci are missing: %v", err)
	}
}

// Missing skips the test for the lack of something that it needs. In CI the test fails.
func Missing(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// NeedProgram skips the test if a program is missing. In CI the test fails.
func NeedProgram(t *testing.T, name string) {
	t.Helper()
	SkipIfShort(t)
	if _, err := exec.LookPath(name); err != nil {
		Missing(t, "%s is missing: %v", name, err)
	}
}

// NeedBrowser returns the path of Chromium or a browser based on it, or skips the test. The environment variable
// CHROMIUM holds the path if the browser is not in PATH. The headless build is preferred: it has the same engine and
// takes two thirds of the processor time.
func NeedBrowser(t *testing.T) string {
	t.Helper()
	return FindBrowser(t, "Chromium", os.Getenv("CHROMIUM"),
		"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
}

// FindBrowser returns the path of the first of the programs that runs, or skips the test. It starts the program,
// because a file of that name may only print how to install the browser.
func FindBrowser(t *testing.T, browser string, names ...string) string {
	t.Helper()
	for _, name := range names {
		path, err := exec.LookPath(name)
		if err == nil && exec.CommandContext(t.Context(), path, "--version").Run() == nil {
			return path
		}
	}
	Missing(t, "%s is missing", browser)
	return ""
}
