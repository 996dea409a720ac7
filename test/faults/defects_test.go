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

// plantedDefects are patches of the product, in testdata/defects, each with the fault that shows it soonest and what is
// then complained of.
var plantedDefects = []struct{ name, fault, complaint string }{
	{"acknowledge-before-commit", "kill-backends", "was acknowledged as message|is stored as message"},
	{"sequence-instead-of-head-row", "none", "where \\d+ was due|told to read again|parley crashed|does not answer"},
	{"subscribe-after-replay", "none", "where \\d+ was due"},
	{"no-unique-key", "none", "sent again under its key"},
	{"stale-membership", "none", "was still told"},
	{"lost-wake-up", "none", "waits for message|does not come to the mark|never learned of it|deliveries a second|a message took"},
	{"from-the-last-id-on", "none", "again, or out of order"},
	{"unread-twice", "none", "unread of"},
}

// TestPlantedDefectsAreCaught plants each defect into a copy of the source and wants the faults to find it; and to find
// nothing without one.
func TestPlantedDefectsAreCaught(t *testing.T) {
	if os.Getenv(faultRuns) == "" {
		t.Skip(faultRuns + " is not set: this takes minutes")
	}
	sound := buildWith(t, "")
	for _, fault := range []string{"none", "kill-backends"} {
		t.Run("no defect, "+fault, func(t *testing.T) {
			if output, err := siege(sound, fault, "1"); err != nil {
				t.Fatalf("without a defect, the faults find one: %v\n%s", err, output)
			}
		})
	}
	for _, d := range plantedDefects {
		t.Run(d.name, func(t *testing.T) {
			if picked := os.Getenv(faultNames); picked != "" && picked != d.name {
				t.Skip(faultNames + " picks another")
			}
			output, err := siege(buildWith(t, d.name), d.fault, "2")
			if err == nil {
				t.Fatalf("the defect is not found:\n%s", output)
			}
			if !regexp.MustCompile(d.complaint).Match(output) {
				t.Fatalf("the defect is not what was found:\n%s", output)
			}
		})
	}
}

// TestPlantedDefectsApply wants every patch to fit the source as it is, and none to be forgotten.
func TestPlantedDefectsApply(t *testing.T) {
	patches, err := filepath.Glob("testdata/defects/*.patch")
	if err != nil || len(patches) != len(plantedDefects) {
		t.Errorf("%d patches for %d defects (%v)", len(patches), len(plantedDefects), err)
	}
	for _, d := range plantedDefects {
		planted(t, d.name)
	}
}

// siege runs one fault on a small crowd and a build of parley.
func siege(program, fault, runs string) ([]byte, error) {
	cmd := exec.Command(os.Args[0], "-test.run", "^TestFaults$", "-test.v", "-test.timeout", "3m")
	cmd.Env = append(os.Environ(), harness.ProgramVariable+"="+program, faultRuns+"="+runs, faultNames+"="+fault, faultCrowd+"=small")
	return cmd.CombinedOutput()
}

// buildWith builds parley with a defect, or without one.
func buildWith(t *testing.T, defect string) (program string) {
	t.Helper()
	program = filepath.Join(t.TempDir(), "parley")
	args := []string{"build", "-o", program}
	if defect != "" {
		args = append(args, "-overlay", planted(t, defect))
	}
	build := exec.Command("go", append(args, "./cmd/parley")...)
	build.Dir = harness.RepositoryRoot()
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build with the defect %q: %v\n%s", defect, err, output)
	}
	return program
}

// planted copies the files that a defect's patch is for, applies it to the copy, and answers an overlay for the
// compiler, which puts the copies in the place of the files.
func planted(t *testing.T, defect string) (overlay string) {
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
		if file, is := strings.CutPrefix(strings.TrimSpace(line), "+++ b/"); is {
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
