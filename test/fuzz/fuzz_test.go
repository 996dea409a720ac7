package fuzz

import (
	"bytes"
	"cmp"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/parley-chat/parley/test/harness"
)

// These environment variables are set by "make test-fuzz".
const (
	programVariable = "PARLEY_TEST_SCHEMATHESIS" // the path of Schemathesis; without it there is nothing to run
	timeVariable    = "PARLEY_TEST_FUZZ_TIME"    // seconds; without it, twenty requests of a kind
	seedVariable    = "PARLEY_TEST_FUZZ_SEED"
)

// TestSchemathesisFindsNothing expects that Schemathesis has nothing to report: neither a response that is not in the
// contract, nor a request that the server and the contract judge differently. The server must not report a defect
// either.
func TestSchemathesisFindsNothing(t *testing.T) {
	program := os.Getenv(programVariable)
	if program == "" {
		t.Skip(programVariable + " is not set: make test-fuzz runs this")
	}
	// One account makes thousands of requests per minute, and all come from one address.
	server := harness.StartProcess(t, harness.NewSQLite(t), "--rate-limit", "off")
	folder := t.TempDir()
	account := fill(t, harness.NewClient(t, server.URL), folder)
	writeConfiguration(t, folder)

	cmd := exec.CommandContext(t.Context(), program, arguments(folder, server.URL)...)
	cmd.Dir = folder
	cmd.Env = harness.ProgramEnvironment("FUZZ_FOLDER="+harness.RepositoryPath("test/fuzz"), "FUZZ_SERVER="+server.URL,
		"FUZZ_USERNAME="+account.User.Username, "FUZZ_PASSWORD="+password,
		"PYTHONDONTWRITEBYTECODE=1")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Run(); err != nil {
		t.Errorf("Schemathesis: %v", err)
	}
	checkReport(t, filepath.Join(folder, "report.json"))

	if status := server.Terminate(); status != 0 {
		t.Errorf("the server's exit status is %d", status)
	}
	for line := range bytes.Lines(server.Output.Bytes()) {
		if bytes.Contains(line, []byte(`"level":"ERROR"`)) || bytes.Contains(line, []byte("DATA RACE")) {
			t.Errorf("the server logged: %s", line)
		}
	}
}

// arguments returns the command line of Schemathesis. With a time it goes on until the time has passed.
func arguments(folder, url string) []string {
	args := []string{
		"--config-file", filepath.Join(folder, configuration), "run", harness.RepositoryPath("openapi.yaml"),
		"--url", url, "--checks", "all", "--phases", "examples,coverage,fuzzing,stateful",
		"--seed", cmp.Or(os.Getenv(seedVariable), "1"), "--max-failures", "1000",
		"--report", "json", "--report-json-path", filepath.Join(folder, "report.json"), "--no-color",
	}
	if seconds := os.Getenv(timeVariable); seconds != "" {
		return append(args, "--max-time", seconds)
	}
	return append(args, "--max-examples", "20")
}

// report is the part of Schemathesis's report that says how far it came.
type report struct {
	Complete   bool
	Operations struct{ Total, Tested int }
	Phases     map[string]struct{ Status string }
}

// checkReport expects that every phase and every operation was part of the run.
func checkReport(t *testing.T, path string) {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var r report
	if err := json.Unmarshal(content, &r); err != nil {
		t.Fatal(err)
	}
	if total := len(harness.Operations()); !r.Complete || r.Operations.Tested != total {
		t.Errorf("%d of %d operations were tested; the run is complete: %t", r.Operations.Tested, total, r.Complete)
	}
	for _, phase := range []string{"examples", "coverage", "fuzzing", "stateful"} {
		if got := r.Phases[phase].Status; got != "success" {
			t.Errorf("the phase %s has the status %q", phase, got)
		}
	}
}
