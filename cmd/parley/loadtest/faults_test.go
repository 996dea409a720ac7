package loadtest_test

import (
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parley-chat/parley/cmd/parley/loadtest"
	"github.com/parley-chat/parley/test/harness"
)

// TestBenchReportsLostAndDuplicatedEvents lets a proxy drop or duplicate one event of one stream.
func TestBenchReportsLostAndDuplicatedEvents(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t))
	for name, c := range map[string]struct {
		times         int
		lost, doubled int64
	}{
		"lost": {0, 1, 0}, "duplicated": {2, 0, 1}, "neither": {1, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var events atomic.Int64
			address := harness.StartFaultyProxy(t, s.URL, &harness.FaultyProxy{ChangeBody: func(path, body string) string {
				if strings.HasSuffix(path, " stream") && strings.Contains(body, "\nevent: message.created\n") &&
					events.Add(1) == 100 {
					return strings.Repeat(body, c.times)
				}
				return body
			}})
			r, err := runBench(t.Context(), t, "--url", address, "--wait", "300ms")
			if r.Lost != c.lost || r.Doubled != c.doubled || r.OK != (c.lost+c.doubled == 0) {
				t.Errorf("got report %+v", r)
			}
			if r.OK != (err == nil) || err != nil && !strings.Contains(err.Error(), "were lost at a stream") {
				t.Errorf("got error %v with report %+v", err, r)
			}
		})
	}
}

// TestBenchResumesBrokenStreams: streams that are cut resume, and nothing is lost or counted twice.
func TestBenchResumesBrokenStreams(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t))
	r, err := runBench(t.Context(), t, "--url", harness.StartFaultyProxy(t, s.URL, &harness.FaultyProxy{CutStreams: 7}))
	if err != nil || r.StreamsBroken < 24 || r.StreamsResumed < 24 || r.AllDeliveries != 12*r.AllAcknowledged {
		t.Errorf("got error %v with report %+v", err, r)
	}
}

// TestBenchCountsRefusals: refused requests are counted by status and code, and a note explains the server's limits.
func TestBenchCountsRefusals(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t))
	f := &harness.FaultyProxy{RefuseSends: true}
	r, err := runBench(t.Context(), t, "--url", harness.StartFaultyProxy(t, s.URL, f))
	if err != nil {
		t.Error(err)
	}
	limited, unavailable := errorsOf(r, "send: 429 rate_limited"), errorsOf(r, "send: 503 unavailable")
	if limited == 0 || unavailable == 0 || limited+unavailable != f.Refused.Load() || r.SendsFailed != f.Refused.Load() {
		t.Errorf("%d requests were refused, but the errors are %v", f.Refused.Load(), r.Errors)
	}
	if r.AllAcknowledged+r.SendsFailed+r.NotSent != 120 {
		t.Errorf("of 120 messages, %d were acknowledged, %d failed, %d were not sent",
			r.AllAcknowledged, r.SendsFailed, r.NotSent)
	}
	if notes := strings.Join(r.Notes, "\n"); !strings.Contains(notes, "run the server with --rate-limit off") {
		t.Errorf("got notes %q, want advice to turn the limits off", notes)
	}
}

// TestBenchReportsDeadServer: a server that dies and does not come back is an error, with a report of what was measured
// before.
func TestBenchReportsDeadServer(t *testing.T) {
	t.Parallel()
	p := harness.StartProcess(t, harness.NewSQLite(t))
	f := &harness.FaultyProxy{OnSend: func(n int64) {
		if n == 30 { // early, so that a slow machine gets there before the end
			p.Kill()
		}
	}}
	r, err := runBench(t.Context(), t, "--url", harness.StartFaultyProxy(t, p.URL, f), "--wait", "300ms")
	if err == nil || r.OK {
		t.Error("the death of the server was not reported")
	}
	if r.AllAcknowledged == 0 || r.AllAcknowledged > f.Acknowledged.Load() || r.SendsFailed == 0 || len(r.Errors) == 0 ||
		r.StreamsAway != 24 || r.Server != nil || r.ServerUnknown == "" {
		t.Errorf("got report %+v", r)
	}
}

// TestBenchSurvivesServerRestart: the streams resume after a crash, and all messages acknowledged before it arrive.
func TestBenchSurvivesServerRestart(t *testing.T) {
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
		if err != nil || !r.OK || r.StreamsBroken < 24 || r.StreamsResumed < 24 || r.Lost+r.Doubled > 0 ||
			r.AllAcknowledged < 60 {
			t.Errorf("got error %v with report %+v", err, r)
		}
	})
}

// TestBenchLatenciesIncludeStalls: messages that were due while the server delayed one message have waited too. If
// latencies were measured from the time of sending, all but one would look fast.
func TestBenchLatenciesIncludeStalls(t *testing.T) {
	t.Parallel()
	const stall = 600 * time.Millisecond
	s := harness.StartServer(t, harness.NewSQLite(t))
	f := &harness.FaultyProxy{OnSend: func(n int64) {
		if n == 10 {
			<-time.After(stall)
		}
	}}
	r, err := runBench(t.Context(), t, "--url", harness.StartFaultyProxy(t, s.URL, f),
		"--senders", "1", "--rooms", "1", "--warm-up", "0s")
	if err != nil {
		t.Fatal(err)
	}
	// Of the hundred messages of a second, sixty were due during the stall, evenly distributed.
	for name, l := range map[string]loadtest.LatencyReport{"acknowledgement": r.Acknowledgement, "receipt": r.Receipt} {
		if l.Max < 600 || l.P90 < 400 || l.P50 < 50 {
			t.Errorf("the time to %s does not include the stall: %v", name, l)
		}
	}
}

// TestBenchWithoutMetrics: a server without process metrics can be measured too.
func TestBenchWithoutMetrics(t *testing.T) {
	t.Parallel()
	s := harness.StartServer(t, harness.NewSQLite(t))
	address := harness.StartFaultyProxy(t, s.URL, &harness.FaultyProxy{ChangeBody: func(path, body string) string {
		if path == "/metrics" {
			return "nothing_to_see 1\n"
		}
		return body
	}})
	r, err := runBench(t.Context(), t, "--url", address, "--duration", "200ms")
	if err != nil || r.Server != nil || !strings.Contains(r.ServerUnknown, "has no process metrics") {
		t.Errorf("got error %v with report %+v", err, r)
	}
	var text strings.Builder
	if err := r.WriteText(&text); err != nil || !strings.Contains(text.String(), "has no process metrics") {
		t.Errorf("got error %v, printed\n%s", err, text.String())
	}
}
