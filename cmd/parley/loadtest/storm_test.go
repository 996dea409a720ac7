package loadtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/parley-chat/parley/cmd/parley/cli"
	"github.com/parley-chat/parley/cmd/parley/loadtest"
	"github.com/parley-chat/parley/test/harness"
)

// runStorm runs parley bench storm with 24 streams of 6 guests in 2 rooms, and returns its report.
func runStorm(ctx context.Context, t *testing.T, args ...string) (r loadtest.StormReport, failed error) {
	t.Helper()
	small := []string{"--streams", "24", "--rooms", "2", "--missed", "40", "--streams-per-user", "4", "--json"}
	c, err := cli.StormConfig(append(small, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	failed = loadtest.Storm(ctx, c, &out, io.Discard)
	if out.Len() > 0 {
		d := json.NewDecoder(&out)
		d.DisallowUnknownFields()
		if err := d.Decode(&r); err != nil {
			t.Fatal(err)
		}
	}
	return r, failed
}

// TestStormReport lets a storm come back to a server, which is restarted by a command that only leaves a trace. Like
// one that starts a server, it leaves a process in the background, until the trace is removed with the test's folder.
func TestStormReport(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		trace := filepath.Join(t.TempDir(), "restarted")
		r, err := runStorm(t.Context(), t, "--url", s.URL, "--restart",
			"mkdir "+trace+"; while [ -e "+trace+" ]; do sleep 0.1; done &")
		if err != nil {
			t.Fatal(err)
		}
		if !r.OK || !r.Restarted || r.Lost+r.Doubled+r.Refused != 0 || len(r.Errors) != 0 {
			t.Errorf("got report %+v", r)
		}
		if r.Ready.Count != 24 || r.CaughtUp.Count != 24 || r.Ready.P50 <= 0 || r.CaughtUp.Max < r.Ready.P50 {
			t.Errorf("got latencies %v and %v", r.Ready, r.CaughtUp)
		}
		if matches, _ := filepath.Glob(trace); len(matches) != 1 {
			t.Error("the command did not run")
		}
	})
}

// TestStormReportsFaults drops or repeats one missed message at one stream, cuts streams, and restarts the server with
// a command that fails.
func TestStormReportsFaults(t *testing.T) {
	s := harness.StartServer(t, harness.NewSQLite(t))
	for name, times := range map[string]int{"were lost at a stream 1 times": 0, "and duplicated 1 times": 2} {
		var events atomic.Int64
		address := harness.StartFaultyProxy(t, s.URL, &harness.FaultyProxy{ChangeBody: func(path, body string) string {
			if strings.HasSuffix(path, " stream") && strings.Contains(body, "\nevent: message.created\n") &&
				events.Add(1) == 100 {
				return strings.Repeat(body, times)
			}
			return body
		}})
		r, err := runStorm(t.Context(), t, "--url", address, "--wait", "300ms")
		if err == nil || !strings.Contains(err.Error(), name) || r.OK {
			t.Errorf("got error %v, want %q, and report %+v", err, name, r)
		}
	}
	cutting := harness.StartFaultyProxy(t, s.URL, &harness.FaultyProxy{CutStreams: 25})
	if r, err := runStorm(t.Context(), t, "--url", cutting); err != nil || r.Refused < 24 || r.Errors == nil {
		t.Errorf("with streams that are cut: got error %v and report %+v", err, r)
	}
	for command, want := range map[string]string{
		"exit 3": "--restart: exit status 3", "echo why >&2; exit 3": "--restart: exit status 3: why",
	} {
		if _, err := runStorm(t.Context(), t, "--url", s.URL, "--restart", command); err == nil || err.Error() != want {
			t.Errorf("%s: got error %v, want %q", command, err, want)
		}
	}
	interrupted, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := runStorm(interrupted, t, "--url", s.URL); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("got error %v of an interrupted storm", err)
	}
}

func TestStormRefusesInvalidFlags(t *testing.T) {
	t.Parallel()
	for _, args := range [][]string{
		{"--url", ""}, {"--url", "127.0.0.1:8080"}, {"--streams", "0"}, {"--rooms", "0"}, {"--missed", "0"},
		{"--size", "8001"}, {"--wait", "0s"}, {"--streams-per-user", "0"},
	} {
		if _, err := cli.StormConfig(args...); err == nil || !strings.Contains(err.Error(), args[0]) {
			t.Errorf("%v: got error %v", args, err)
		}
	}
}
