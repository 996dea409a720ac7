package clients

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

	"github.com/parley-chat/parley/test/harness"
)

// webTimeout bounds the scenes of one file; they take less than a minute on a quiet machine.
const webTimeout = 15 * time.Minute

// TestWebClient runs the scenes of node/web: the web client in a real browser, against a server that is killed and
// started again in between.
func TestWebClient(t *testing.T) {
	harness.NeedNode(t)
	browser := harness.NeedBrowser(t)
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(harness.NodeFolder(), "web", "*.test.mjs"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no scenes: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.mjs"), func(t *testing.T) {
			t.Parallel() // each file has its own browser and servers
			runScenes(t, filepath.Join("web", filepath.Base(file)), "CHROMIUM="+browser)
		})
	}
}

// TestWebClientInFirefox runs the scenes that must pass in every browser in Firefox too.
func TestWebClientInFirefox(t *testing.T) {
	harness.NeedNode(t)
	browser := harness.FindBrowser(t, "Firefox", os.Getenv("FIREFOX"), "firefox-esr", "firefox")
	t.Parallel()
	runScenes(t, filepath.Join("web", "engines.test.mjs"), "FIREFOX="+browser)
}

// TestWebClientUnits runs the tests of node/web/unit, of those modules of the web client that need no browser.
func TestWebClientUnits(t *testing.T) {
	harness.NeedNode(t)
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(harness.NodeFolder(), "web", "unit", "*.test.mjs"))
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no tests: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".test.mjs"), func(t *testing.T) {
			runScenes(t, filepath.Join("web", "unit", filepath.Base(file)), "CHROMIUM=")
		})
	}
}

// runScenes runs a file of scenes, each as a subtest. browser is an assignment of the environment variable that names
// the browser.
func runScenes(t *testing.T, file, browser string) {
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), webTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, "node", "--test-reporter=./web/report.mjs", file)
	cmd.Dir = harness.NodeFolder()
	// The last assignment of a name is used, so the test alone decides which browser it is.
	cmd.Env = append(os.Environ(), "FIREFOX=", "PARLEY_BIN="+program, harness.AsProgramVariable+"=1", browser)
	// On SIGTERM, node stops its browser and its server too.
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
		t.Error("no scene was run")
	}
	if err := cmd.Wait(); err != nil && !t.Failed() {
		t.Errorf("%s: %v", file, err)
	}
	if t.Failed() && stderr.Len() > 0 {
		t.Logf("%s printed: %s", file, stderr.Bytes())
	}
}

// reportScenes makes a subtest of each line of report.mjs, and returns how many there were.
func reportScenes(t *testing.T, report io.Reader) int {
	t.Helper()
	for lines, n := json.NewDecoder(report), 0; ; n++ {
		var scene struct{ Name, Failure string }
		if err := lines.Decode(&scene); err != nil {
			if !errors.Is(err, io.EOF) {
				t.Errorf("the report of the scenes is incomplete: %v", err)
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
