package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// webTime bounds the scenes of one file; they take less than a minute on a quiet machine.
const webTime = 8 * time.Minute

// TestWebClient plays the scenes of testdata/node/web: the web client in a real browser, at the program, which is killed
// and started again on the way.
func TestWebClient(t *testing.T) {
	needNode(t)
	browser := needBrowser(t)
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(nodeFolder, "web", "*.test.mjs"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no scenes: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.mjs"), func(t *testing.T) {
			t.Parallel() // a file has a browser and servers of its own
			playScenes(t, filepath.Join("web", filepath.Base(file)), "CHROMIUM="+browser)
		})
	}
}

// TestWebClientInFirefox plays the stories that must hold in every browser in Firefox too.
func TestWebClientInFirefox(t *testing.T) {
	needNode(t)
	browser := findBrowser(t, "Firefox", os.Getenv("FIREFOX"), "firefox-esr", "firefox")
	t.Parallel()
	playScenes(t, filepath.Join("web", "engines.test.mjs"), "FIREFOX="+browser)
}

// TestWebClientUnits runs the tests of testdata/node/web/unit: modules of the web client that need no browser.
func TestWebClientUnits(t *testing.T) {
	needNode(t)
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(nodeFolder, "web", "unit", "*.test.mjs"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no tests: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.mjs"), func(t *testing.T) {
			playScenes(t, filepath.Join("web", "unit", filepath.Base(file)), "CHROMIUM=")
		})
	}
}

// playScenes runs a file of scenes in a browser, which an environment variable names; each is a test of its own.
func playScenes(t *testing.T, file, browser string) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), webTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test-reporter=./web/report.mjs", file)
	cmd.Dir = nodeFolder
	// The last one of a name holds: only the test says which browser it is.
	cmd.Env = append(os.Environ(), "FIREFOX=", "PARLEY_BIN="+program, asProgram+"=1", browser)
	// Asked to stop, it takes its browser and its server along.
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	if reportScenes(t, stdout) == 0 {
		t.Error("no scene was played")
	}
	if err := cmd.Wait(); err != nil && !t.Failed() {
		t.Errorf("%s: %v", file, err)
	}
	if t.Failed() && stderr.Len() > 0 {
		t.Logf("%s says: %s", file, stderr.Bytes())
	}
}

// reportScenes makes a test of each line of report.mjs, and answers how many there were.
func reportScenes(t *testing.T, report io.Reader) int {
	t.Helper()
	for lines, n := json.NewDecoder(report), 0; ; n++ {
		var scene struct{ Name, Failure string }
		if err := lines.Decode(&scene); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("the report of the scenes breaks off: %v", err)
			}
			return n
		}
		t.Run(scene.Name, func(t *testing.T) {
			if scene.Failure != "" {
				t.Error(scene.Failure)
			}
		})
	}
}

// needBrowser finds Chromium or its like, or passes over a test. CHROMIUM says where it is, if not on the path. The build
// without windows comes first: it is the same engine, and takes two thirds of the processor.
func needBrowser(t *testing.T) string {
	t.Helper()
	return findBrowser(t, "Chromium", os.Getenv("CHROMIUM"),
		"chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
}

// findBrowser finds a browser by the names that its program may have, or passes over a test. The file may be there and be
// no more than advice where to get it, so it is started.
func findBrowser(t *testing.T, browser string, names ...string) string {
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
