//go:build unix

package faults

import (
	"bytes"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// plantedDefects are patches of the product, in testdata/defects, each with the fault that reveals it soonest and a
// pattern of the flaws that are then reported.
var plantedDefects = []struct{ name, fault, flaw string }{
	{"acknowledge-before-commit", "kill-backends", "was acknowledged as message|is stored as message"},
	{"sequence-instead-of-head-row", "none", "want message \\d+|got resync|parley crashed|did not respond"},
	{"subscribe-after-replay", "none", "want message \\d+"},
	{"no-unique-key", "none", "repeated with its key"},
	{"stale-membership", "none", "still received"},
	{
		"lost-wake-up", "none",
		"waits for message|did not receive the marker|never noticed|deliveries per second|a single message took",
	},
	{"from-the-last-id-on", "none", "again or out of order"},
	{"unread-twice", "none", "unread of"},
}

// TestPlantedDefectsAreCaught plants each defect into a copy of the source and checks that the faults reveal it, and
// that without a defect they report nothing.
func TestPlantedDefectsAreCaught(t *testing.T) {
	if os.Getenv(faultRunsVariable) == "" {
		t.Skip(faultRunsVariable + " is not set: this takes minutes")
	}
	unchanged := buildWith(t, "")
	for _, fault := range []string{"none", "kill-backends"} {
		t.Run("no defect, "+fault, func(t *testing.T) {
			if output, err := runWithProgram(unchanged, fault, "1"); err != nil {
				t.Fatalf("flaws were reported without a defect: %v\n%s", err, output)
			}
		})
	}
	for _, d := range plantedDefects {
		t.Run(d.name, func(t *testing.T) {
			if picked := os.Getenv(faultNamesVariable); picked != "" && picked != d.name {
				t.Skip(faultNamesVariable + " selects another one")
			}
			output, err := runWithProgram(buildWith(t, d.name), d.fault, "2")
			if err == nil {
				t.Fatalf("the defect was not found:\n%s", output)
			}
			if !regexp.MustCompile(d.flaw).Match(output) {
				t.Fatalf("got other flaws than those of the defect, want %s:\n%s", d.flaw, output)
			}
		})
	}
}

// TestPlantedDefectsApply checks that every patch applies to the present source, and that every patch is in the list.
func TestPlantedDefectsApply(t *testing.T) {
	patches, err := filepath.Glob("testdata/defects/*.patch")
	if err != nil || len(patches) != len(plantedDefects) {
		t.Errorf("got %d patches, want %d, one for each defect (%v)", len(patches), len(plantedDefects), err)
	}
	for _, d := range plantedDefects {
		plantDefect(t, d.name)
	}
}

// runWithProgram runs one fault with a small workload and a build of parley.
func runWithProgram(program, fault, runs string) ([]byte, error) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestFaults$", "-test.v", "-test.timeout", "3m")
	cmd.Env = append(os.Environ(), harness.ProgramVariable+"="+program,
		faultRunsVariable+"="+runs, faultNamesVariable+"="+fault, faultSizeVariable+"=small")
	return cmd.CombinedOutput()
}

// buildWith builds parley with a defect, or without one if defect is empty.
func buildWith(t *testing.T, defect string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "parley")
	args := []string{"build", "-o", program}
	if defect != "" {
		args = append(args, "-overlay", plantDefect(t, defect))
	}
	build := exec.Command("go", append(args, "./cmd/parley")...)
	build.Dir = harness.RepositoryRoot()
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build with the defect %q: %v\n%s", defect, err, output)
	}
	return program
}

// plantDefect copies the files that a defect's patch changes, applies the patch to the copies, and returns an overlay
// with which the compiler reads the copies in place of the files.
func plantDefect(t *testing.T, defect string) (overlay string) {
	t.Helper()
	root := harness.RepositoryRoot()
	name, err := filepath.Abs(filepath.Join("testdata/defects", defect+".patch"))
	if err != nil {
		t.Fatal(err)
	}
	patch, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	replaced := map[string]string{}
	for line := range strings.Lines(string(patch)) {
		if file, found := strings.CutPrefix(strings.TrimSpace(line), "+++ b/"); found {
			replaced[filepath.Join(root, file)] = filepath.Join(copied, file)
			copyFile(t, filepath.Join(root, file), filepath.Join(copied, file))
		}
	}
	apply := exec.Command("git", "apply", "-p1", name)
	apply.Dir = copied
	apply.Env = append(os.Environ(), "GIT_CEILING_DIRECTORIES="+filepath.Dir(copied))
	if output, err := apply.CombinedOutput(); err != nil {
		t.Fatalf("%s does not apply: %v\n%s", name, err, output)
	}
	for from, to := range replaced {
		if bytes.Equal(readFile(t, from), readFile(t, to)) {
			t.Fatalf("%s changes nothing in %s", name, from)
		}
	}
	encoded, err := json.Marshal(map[string]any{"Replace": replaced})
	if err != nil {
		t.Fatal(err)
	}
	overlay = filepath.Join(copied, "overlay.json")
	if err := os.WriteFile(overlay, encoded, 0o600); err != nil {
		t.Fatal(err)
	}
	return overlay
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(to), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(to, readFile(t, from), 0o600); err != nil {
		t.Fatal(err)
	}
}

func readFile(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}
