package loadtest

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
)

// StormReport is the result of a storm. Times count from the moment when all streams came back at once.
type StormReport struct {
	URLs           []string `json:"urls"`
	Streams        int      `json:"streams"`
	StreamsPerUser int      `json:"streams_per_user"`
	Rooms          int      `json:"rooms"`
	Missed         int      `json:"missed_per_stream"`
	SizeBytes      int      `json:"size_bytes"`
	Restarted      bool     `json:"restarted"` // otherwise the streams were dropped only

	Ready    LatencyReport    `json:"ready"`     // until a stream got its first event
	CaughtUp LatencyReport    `json:"caught_up"` // until it had every message that it had missed
	Refused  int64            `json:"tries_failed"`
	Lost     int64            `json:"lost"`
	Doubled  int64            `json:"duplicated"`
	Errors   map[string]int64 `json:"errors"`

	Server        *stormServerReport `json:"server,omitempty"`
	ServerUnknown string             `json:"server_unknown,omitempty"` // why there is no Server
	OwnCPUSeconds float64            `json:"own_cpu_seconds,omitempty"`
	OK            bool               `json:"ok"` // the exit status is 0
}

// stormServerReport is the total resource usage of the servers.
type stormServerReport struct {
	CPUSeconds       float64 `json:"cpu_seconds"`
	CPUMillis        float64 `json:"cpu_ms_per_stream"`
	ResidentIdle     float64 `json:"resident_bytes_idle"` // before the storm, with all streams open and nothing sent
	ResidentPeak     float64 `json:"resident_bytes_peak"`
	ResidentAtTheEnd float64 `json:"resident_bytes_at_end"`
}

// report creates the report. idle is the servers' usage with all streams, before they were dropped.
func (s *storm) report(idle processUse) StormReport {
	c := s.config
	r := StormReport{
		URLs: c.URLs, Streams: c.Streams, StreamsPerUser: c.StreamsPerUser, Rooms: c.Rooms, Missed: c.Missed,
		SizeBytes: c.Size, Restarted: c.Restart != "",
		Ready: latencyReport(s.ready.snapshot()), CaughtUp: latencyReport(s.caught.snapshot()),
		Refused: s.refused.Load(), Lost: s.missing(), Doubled: s.run.arrivals().doubled, OwnCPUSeconds: s.own.cpu,
	}
	r.Errors, _ = s.errors.snapshot()
	if w := s.server; w.unknown != nil || w.first.cpu == 0 || w.last.cpu == 0 {
		r.ServerUnknown = w.why()
	} else {
		cpu := w.last.since(w.first).cpu
		r.Server = &stormServerReport{
			CPUSeconds: cpu, CPUMillis: cpu * 1000 / float64(max(c.Streams, 1)),
			ResidentIdle: idle.resident, ResidentPeak: w.peak, ResidentAtTheEnd: w.last.resident,
		}
	}
	r.OK = r.failure() == nil
	return r
}

// failure returns the reason why the exit status is not 0, or nil.
func (r StormReport) failure() error {
	switch {
	case r.Lost > 0 || r.Doubled > 0:
		return fmt.Errorf("messages were lost at a stream %d times and duplicated %d times", r.Lost, r.Doubled)
	case r.CaughtUp.Count < int64(r.Streams):
		return fmt.Errorf("%d streams did not come back", int64(r.Streams)-r.CaughtUp.Count)
	case r.Streams == 0:
		return errors.New("nothing could be measured: there are no streams")
	}
	return nil
}

// WriteText prints the report as a table.
func (r StormReport) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	row("storm", "%s streams in %s rooms, %s missed messages each", humanize.Comma(int64(r.Streams)),
		humanize.Comma(int64(r.Rooms)), humanize.Comma(int64(r.Missed)))
	row("until ready", "%v", r.Ready)
	row("until caught up", "%v", r.CaughtUp)
	row("tries that failed", "%s", humanize.Comma(r.Refused))
	row("lost, duplicated", "%s, %s", humanize.Comma(r.Lost), humanize.Comma(r.Doubled))
	row("errors", "%s", Report{Errors: r.Errors}.errorList())
	if s := r.Server; s != nil {
		row("server's CPU", "%.1f s, %.2f ms per stream", s.CPUSeconds, s.CPUMillis)
		row("server's memory", "%s idle with all streams, %s at most, %s at the end", humanize.Bytes(uint64(s.ResidentIdle)),
			humanize.Bytes(uint64(s.ResidentPeak)), humanize.Bytes(uint64(s.ResidentAtTheEnd)))
	} else {
		row("server", "unknown: %s", r.ServerUnknown)
	}
	if r.OwnCPUSeconds > 0 {
		row("CPU of this program", "%.1f s", r.OwnCPUSeconds)
	}
	result := "every stream got every missed message once"
	if err := r.failure(); err != nil {
		result = err.Error()
	}
	row("result", "%s", result)
	return w.Flush()
}
