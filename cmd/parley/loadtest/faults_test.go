package loadtest_test

import (
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/parley/loadtest"
	"github.com/parley-chat/parley/test/harness"
)

// TestBenchNoticesWhatIsLostOrDoubled lets a proxy drop or double one event of one stream.
func TestBenchNoticesWhatIsLostOrDoubled(t *testing.T) {
	harness.Long(t)
	t.Parallel()
	s := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"))
	for name, c := range map[string]struct {
		times         int
		lost, doubled int64
	}{
		"lost": {0, 1, 0}, "doubled": {2, 0, 1}, "neither": {1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var events atomic.Int64
			address := harness.StartFaultyProxy(t, s.URL, &harness.FaultyProxy{ChangeBody: func(path, body string) string {
				if strings.HasSuffix(path, " stream") && strings.Contains(body, "\nevent: message.created\n") && events.Add(1) == 100 {
					return strings.Repeat(body, c.times)
				}
				return body
			}})
			r, err := runBench(t.Context(), t, "--url", address, "--wait", "300ms")
			if r.Lost != c.lost || r.Doubled != c.doubled || r.OK != (c.lost+c.doubled == 0) {
				t.Errorf("the report is %+v", r)
			}
			if r.OK != (err == nil) || err != nil && !strings.Contains(err.Error(), "lost at a stream") {
				t.Errorf("got the error %v", err)
			}
		})
	}
}

// TestBenchFollowsThroughBreaks: streams that are cut come back where they were, and nothing is lost or counted twice.
func TestBenchFollowsThroughBreaks(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"))
	r, err := runBench(t.Context(), t, "--url", harness.StartFaultyProxy(t, s.URL, &harness.FaultyProxy{CutStreams: 7}))
	if err != nil || r.StreamsBroken < 24 || r.StreamsResumed < 24 || r.AllDeliveries != 12*r.AllAcknowledged {
		t.Errorf("%v, with %+v", err, r)
	}
}

// TestBenchCountsRefusals: they are told by status and code, and the server's limits have a line of their own.
func TestBenchCountsRefusals(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"))
	f := &harness.FaultyProxy{RefuseSends: true}
	r, err := runBench(t.Context(), t, "--url", harness.StartFaultyProxy(t, s.URL, f))
	if err != nil {
		t.Error(err)
	}
	limited, unavailable := errorsOf(r, "send: 429 rate_limited"), errorsOf(r, "send: 503 unavailable")
	if limited == 0 || unavailable == 0 || limited+unavailable != f.Refused.Load() || r.SendsFailed != f.Refused.Load() {
		t.Errorf("%d were refused, and the errors are %v", f.Refused.Load(), r.Errors)
	}
	if r.AllAcknowledged+r.SendsFailed+r.NotSent != 120 {
		t.Errorf("of 120 messages, %d were acknowledged, %d failed, %d were left out", r.AllAcknowledged, r.SendsFailed, r.NotSent)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "run the server with --rate-limit off") {
		t.Errorf("the notes are %q", notes)
	}
}

// TestBenchOutlivesItsServer: one that dies for good is an error, with a report of what was there before.
func TestBenchOutlivesItsServer(t *testing.T) {
	t.Parallel()
	p := harness.StartProcess(t, filepath.Join(t.TempDir(), "parley.db"))
	f := &harness.FaultyProxy{OnSend: func(n int64) {
		if n == 60 {
			p.Kill()
		}
	}}
	r, err := runBench(t.Context(), t, "--url", harness.StartFaultyProxy(t, p.URL, f), "--wait", "300ms")
	if err == nil || r.OK {
		t.Error("that its server died went unnoticed")
	}
	if r.AllAcknowledged < 50 || r.AllAcknowledged > 60 || r.SendsFailed == 0 || len(r.Errors) == 0 || r.StreamsAway != 24 || r.Server != nil || r.ServerUnknown == "" {
		t.Errorf("the report is %+v", r)
	}
}

// TestBenchOutlivesARestart: the streams come back, and what was acknowledged before the crash has arrived.
func TestBenchOutlivesARestart(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		p := harness.StartProcess(t, database)
		restarted := make(chan struct{})
		f := &harness.FaultyProxy{OnSend: func(n int64) {
			if n == 60 {
				go func() {
					defer close(restarted)
					p.Kill()
					p.Start()
				}()
			}
		}}
		address := harness.StartFaultyProxy(t, p.URL, f)
		r, err := runBench(t.Context(), t, "--url", address, "--duration", "3s", "--wait", "30s")
		<-restarted
		if err != nil || !r.OK || r.StreamsBroken < 24 || r.StreamsResumed < 24 || r.Lost+r.Doubled > 0 || r.AllAcknowledged < 60 {
			t.Errorf("%v, with %+v", err, r)
		}
	})
}

// TestBenchChargesAStall: what was due while the server held one message back has waited too. Measured from when they
// were sent, all but one would look fast.
func TestBenchChargesAStall(t *testing.T) {
	t.Parallel()
	const stall = 600 * time.Millisecond
	s := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"))
	f := &harness.FaultyProxy{OnSend: func(n int64) {
		if n == 10 {
			<-time.After(stall)
		}
	}}
	r, err := runBench(t.Context(), t, "--url", harness.StartFaultyProxy(t, s.URL, f), "--senders", "1", "--rooms", "1", "--warm-up", "0s")
	if err != nil {
		t.Fatal(err)
	}
	// Of the hundred messages of a second, sixty were due meanwhile, evenly spread.
	for name, l := range map[string]loadtest.LatencyReport{"acknowledgement": r.Acknowledgement, "receipt": r.Receipt} {
		if l.Max < 600 || l.P90 < 400 || l.P50 < 50 {
			t.Errorf("the stall is not in the time to %s: %v", name, l)
		}
	}
}

// TestBenchWithoutMetrics: a server that does not tell what it uses is measured all the same.
func TestBenchWithoutMetrics(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, filepath.Join(t.TempDir(), "parley.db"))
	address := harness.StartFaultyProxy(t, s.URL, &harness.FaultyProxy{ChangeBody: func(path, body string) string {
		if path == "/metrics" {
			return "nothing_to_see 1\n"
		}
		return body
	}})
	r, err := runBench(t.Context(), t, "--url", address, "--duration", "200ms")
	if err != nil || r.Server != nil || !strings.Contains(r.ServerUnknown, "tells nothing of its process") {
		t.Errorf("%v, with %+v", err, r)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "tells nothing") {
		t.Errorf("%v, printed\n%s", err, text.String())
	}
}
