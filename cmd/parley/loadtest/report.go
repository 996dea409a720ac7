package loadtest

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
	"github.com/dustin/go-humanize"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

// Report is the result of a run. Scripts read its JSON: field names must not change, and unknown values are absent.
type Report struct {
	URLs           []string `json:"urls"`
	Streams        int      `json:"streams"`
	Senders        int      `json:"senders"`
	Rooms          int      `json:"rooms"`
	Rate           float64  `json:"rate_per_second"` // as configured; 0 for as fast as acknowledged
	SizeBytes      int      `json:"size_bytes"`
	StreamsPerUser int      `json:"streams_per_user"`
	WarmUp         float64  `json:"warm_up_seconds"`
	Duration       float64  `json:"duration_seconds"` // measured: less than configured after an interruption
	Interrupted    bool     `json:"interrupted"`

	// Counts are of messages that were due during the measurement, whenever they were acknowledged or arrived. The values
	// per second are of messages that were acknowledged or arrived during the measurement.
	SendsAcknowledged   int64   `json:"sends_acknowledged"`
	SendsPerSecond      float64 `json:"sends_per_second"`
	Deliveries          int64   `json:"deliveries"`
	DeliveriesPerSecond float64 `json:"deliveries_per_second"`

	// Both are measured from the moment when a message was due. A message that was not sent counts as acknowledged with
	// the time that it had waited. At rate 0 they are corrected for messages that were not sent while the sender waited,
	// as if each sender had sent once every CorrectedFor milliseconds.
	Acknowledgement LatencyReport `json:"acknowledgement"`
	Receipt         LatencyReport `json:"receipt"`
	CorrectedFor    float64       `json:"corrected_for_interval_ms,omitempty"`
	// Lateness is how late the senders were that did not have to wait: this program's own share of the latencies.
	Lateness LatencyReport `json:"own_lateness"`

	// Of the whole run, including the warm-up.
	AllAcknowledged int64            `json:"all_acknowledged"`
	AllDeliveries   int64            `json:"all_deliveries"`
	Lost            int64            `json:"lost_deliveries"`    // of acknowledged messages, at a stream of their room
	Doubled         int64            `json:"doubled_deliveries"` // that arrived more than once
	SendsFailed     int64            `json:"sends_failed"`
	NotSent         int64            `json:"sends_left_out"` // due but never sent: their sender waited until the end
	StreamsBroken   int64            `json:"streams_broken"`
	StreamsResumed  int64            `json:"streams_resumed"`
	StreamsAway     int              `json:"streams_away"` // not open at the end
	Errors          map[string]int64 `json:"errors"`       // by operation, status and code

	Server        *loadServerReport `json:"server,omitempty"`
	ServerUnknown string            `json:"server_unknown,omitempty"` // why there is no Server
	OwnCPUSeconds float64           `json:"own_cpu_seconds,omitempty"`
	Notes         []string          `json:"notes"` // hints for reading the results
	OK            bool              `json:"ok"`    // the exit status is 0
}

// LatencyReport holds latencies in milliseconds.
type LatencyReport struct {
	Count int64   `json:"count"`
	P50   float64 `json:"p50_ms"`
	P90   float64 `json:"p90_ms"`
	P99   float64 `json:"p99_ms"`
	Max   float64 `json:"max_ms"`
}

// loadServerReport is the total resource usage of the servers during the measurement.
type loadServerReport struct {
	CPUSeconds             float64 `json:"cpu_seconds"`
	CPUCores               float64 `json:"cpu_cores"` // used on average
	Cores                  float64 `json:"cores"`     // available
	CPUSecondsPerMillion   float64 `json:"cpu_seconds_per_million_deliveries,omitempty"`
	ResidentBeforeStreams  float64 `json:"resident_bytes_before_streams"`
	ResidentWithStreams    float64 `json:"resident_bytes_with_streams"` // before anything was sent
	ResidentBytesPerStream float64 `json:"resident_bytes_per_stream,omitempty"`
	ResidentAtTheEnd       float64 `json:"resident_bytes_at_end"`
	ResidentPeak           float64 `json:"resident_bytes_peak"`
}

// report creates the report.
func (run *run) report() Report {
	f, c, arrived := run.config, &run.counts, run.arrivals()
	from, to := run.window()
	measured := max(0, to-from)
	r := Report{
		URLs: f.URLs, Streams: f.Streams, Senders: f.Senders, Rooms: f.Rooms, Rate: f.Rate, SizeBytes: f.Size,
		StreamsPerUser: f.StreamsPerUser, WarmUp: f.WarmUp.Seconds(), Duration: measured.Seconds(),
		Interrupted:       run.interrupted,
		SendsAcknowledged: c.ackedMeasured.Load(), SendsPerSecond: remote.PerSecond(c.ackedTimely.Load(), measured),
		Deliveries: arrived.measured, DeliveriesPerSecond: remote.PerSecond(arrived.timely, measured),
		Lateness:        latencyReport(run.lateness.snapshot()),
		AllAcknowledged: c.acked.Load(), AllDeliveries: arrived.deliveries, Lost: run.missing(), Doubled: arrived.doubled,
		SendsFailed: c.failed.Load(), NotSent: c.unsent.Load(),
		StreamsBroken: c.breaks.Load(), StreamsResumed: c.returns.Load(), StreamsAway: run.away(), OwnCPUSeconds: run.own.cpu,
	}
	acks, receipts := run.acks.snapshot(), run.receipts()
	if f.Rate == 0 && r.SendsAcknowledged > 0 {
		interval := measured * time.Duration(f.Senders) / time.Duration(r.SendsAcknowledged)
		acks, receipts = corrected(acks, interval), corrected(receipts, interval)
		r.CorrectedFor = inMilliseconds(interval.Microseconds())
	}
	r.Acknowledgement, r.Receipt = latencyReport(acks), latencyReport(receipts)
	r.Errors, _ = run.errors.snapshot()
	if r.Server = run.server.report(arrived.timely, f.Streams); r.Server == nil {
		r.ServerUnknown = run.server.why()
	}
	r.OK = r.failure() == nil
	r.Notes = r.notes()
	return r
}

// receipts returns the histogram of all streams.
func (run *run) receipts() *hdrhistogram.Histogram {
	all := newLatencyHistogram()
	for _, g := range run.groups {
		g.mu.Lock()
		all.Merge(g.arrival)
		g.mu.Unlock()
	}
	return all
}

func latencyReport(h *hdrhistogram.Histogram) LatencyReport {
	return LatencyReport{
		Count: h.TotalCount(), P50: inMilliseconds(h.ValueAtQuantile(50)), P90: inMilliseconds(h.ValueAtQuantile(90)),
		P99: inMilliseconds(h.ValueAtQuantile(99)), Max: inMilliseconds(h.Max()),
	}
}

func inMilliseconds(us int64) float64 { return float64(us) / 1000 }

// report returns nil if the resource usage is not known.
func (w *serverWatch) report(deliveries int64, streams int) *loadServerReport {
	if w.unknown != nil || w.first.cpu == 0 || w.last.cpu == 0 {
		return nil
	}
	cpu := w.last.since(w.first).cpu
	r := &loadServerReport{
		CPUSeconds: cpu, CPUCores: cpu / max(w.last.at.Sub(w.first.at).Seconds(), 1e-3), Cores: w.last.cores,
		ResidentBeforeStreams: w.before.resident, ResidentWithStreams: w.with.resident,
		ResidentAtTheEnd: w.last.resident, ResidentPeak: max(w.peak, w.with.resident),
	}
	if deliveries > 0 {
		r.CPUSecondsPerMillion = cpu / float64(deliveries) * 1e6
	}
	if streams > 0 {
		r.ResidentBytesPerStream = max(0, w.with.resident-w.before.resident) / float64(streams)
	}
	return r
}

func (w *serverWatch) why() string {
	if w.unknown != nil {
		return w.unknown.Error()
	}
	return "the measurement was too short"
}

// failure returns the reason why the exit status is not 0, or nil.
func (r Report) failure() error {
	switch {
	case r.AllAcknowledged == 0:
		return errors.New("nothing could be measured: no message was acknowledged")
	case r.SendsAcknowledged == 0:
		return errors.New("nothing could be measured: no message was acknowledged after the warm-up")
	case r.Lost > 0 || r.Doubled > 0:
		return fmt.Errorf("acknowledged messages were lost at a stream %d times and duplicated %d times", r.Lost, r.Doubled)
	case r.StreamsAway > 0:
		return fmt.Errorf("%d streams could not reconnect", r.StreamsAway)
	default:
		return nil
	}
}

// Thresholds for notes.
const (
	keptUp     = 0.98 // below this share of the configured rate
	lateMillis = 2    // above this own lateness in milliseconds,
	lateShare  = 0.2  // if it is also above this share of the acknowledgements' p99
)

// notes returns hints for reading the results.
func (r Report) notes() []string {
	notes := []string{}
	note := func(format string, args ...any) { notes = append(notes, fmt.Sprintf(format, args...)) }
	if r.Interrupted {
		note("The run was interrupted.")
	}
	limited := int64(0)
	for kind, n := range r.Errors {
		if strings.Contains(kind, "429") {
			limited += n
		}
	}
	if limited > 0 {
		note("The server refused %d requests because of its limits: %s.", limited, limitsOff)
	}
	if r.Rate > 0 && r.SendsPerSecond < keptUp*r.Rate && limited == 0 {
		note("The rate was not reached: senders waited for acknowledgements. " +
			"The server, or this machine, is at its limit, or there are too few --senders.")
	}
	if late := r.Lateness.P99; late > lateMillis && late > lateShare*r.Acknowledgement.P99 {
		note("The bench program was up to %.1f ms late (p99), and the latencies include this. Its machine is too busy.",
			late)
	}
	if r.StreamsAway > 0 {
		note("At the end %d streams were not connected and received nothing.", r.StreamsAway)
	}
	return notes
}

// WriteText prints the report as a table.
func (r Report) WriteText(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, name+"\t"+format+"\n", args...) }
	asked := "as fast as acknowledged"
	if r.Rate > 0 {
		asked = fmt.Sprintf("%g configured", r.Rate)
	}
	row("load", "%s streams, %s senders, %s rooms, %d characters", humanize.Comma(int64(r.Streams)),
		humanize.Comma(int64(r.Senders)), humanize.Comma(int64(r.Rooms)), r.SizeBytes)
	row("measured", "%.1f s, after %.1f s of warm-up", r.Duration, r.WarmUp)
	row("sends per second", "%s (%s)", humanize.CommafWithDigits(r.SendsPerSecond, 1), asked)
	row("deliveries per second", "%s", humanize.CommafWithDigits(r.DeliveriesPerSecond, 0))
	row("send to acknowledgement", "%v", r.Acknowledgement)
	if r.Receipt.Count > 0 {
		row("send to receipt", "%v", r.Receipt)
	}
	row("acknowledged in total", "%s messages", humanize.Comma(r.AllAcknowledged))
	row("delivered in total", "%s, lost %s, duplicated %s",
		humanize.Comma(r.AllDeliveries), humanize.Comma(r.Lost), humanize.Comma(r.Doubled))
	row("streams disconnected", "%s, resumed %s", humanize.Comma(r.StreamsBroken), humanize.Comma(r.StreamsResumed))
	row("errors", "%s", r.errorList())
	if r.NotSent > 0 {
		row("due but not sent", "%s messages", humanize.Comma(r.NotSent))
	}
	r.writeServer(row)
	if r.OwnCPUSeconds > 0 {
		row("CPU of this program", "%.1f s", r.OwnCPUSeconds)
	}
	result := "every acknowledged message arrived once"
	if err := r.failure(); err != nil {
		result = err.Error()
	}
	row("result", "%s", result)
	if err := w.Flush(); err != nil {
		return err
	}
	for _, note := range r.Notes {
		fmt.Fprintln(out, note)
	}
	return nil
}

func (r Report) writeServer(row func(name, format string, args ...any)) {
	s := r.Server
	if s == nil {
		row("server", "unknown: %s", r.ServerUnknown)
		return
	}
	cpu := fmt.Sprintf("%.1f s, %.2f of %.0f cores", s.CPUSeconds, s.CPUCores, s.Cores)
	if s.CPUSecondsPerMillion > 0 {
		cpu += fmt.Sprintf("; %.1f s per million deliveries", s.CPUSecondsPerMillion)
	}
	row("server's CPU", "%s", cpu)
	memory := fmt.Sprintf("%s before the streams, %s with them",
		humanize.Bytes(uint64(s.ResidentBeforeStreams)), humanize.Bytes(uint64(s.ResidentWithStreams)))
	if s.ResidentBytesPerStream > 0 {
		memory += fmt.Sprintf(" (%.1f KB each)", s.ResidentBytesPerStream/1e3)
	}
	row("server's memory", "%s, %s at the end, %s at most",
		memory, humanize.Bytes(uint64(s.ResidentAtTheEnd)), humanize.Bytes(uint64(s.ResidentPeak)))
}

func (l LatencyReport) String() string {
	return fmt.Sprintf("p50 %.2f ms, p90 %.2f ms, p99 %.2f ms, max %.2f ms", l.P50, l.P90, l.P99, l.Max)
}

// errorList returns the errors on one line, the most frequent first.
func (r Report) errorList() string {
	if len(r.Errors) == 0 {
		return "none"
	}
	kinds := make([]string, 0, len(r.Errors))
	for kind := range r.Errors {
		kinds = append(kinds, kind)
	}
	slices.SortFunc(kinds, func(a, b string) int {
		if n := r.Errors[b] - r.Errors[a]; n != 0 {
			return int(n)
		}
		return strings.Compare(a, b)
	})
	for i, kind := range kinds {
		kinds[i] = fmt.Sprintf("%s %s", humanize.Comma(r.Errors[kind]), kind)
	}
	return strings.Join(kinds, "; ")
}
