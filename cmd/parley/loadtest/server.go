package loadtest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

// metricsTimeout is how long a request for /metrics may take.
const metricsTimeout = 5 * time.Second

// processUse is the resource usage of processes, and their limits.
type processUse struct {
	at       time.Time
	cpu      float64 // seconds
	resident float64 // bytes
	started  float64 // the start time; if it has changed, the values cannot be compared
	cores    float64
	files    float64 // open
	maxFiles float64 // the lowest limit of open files
}

// processOf reads the metrics of a process. ok is false if they are missing: not every system has them.
func processOf(metrics map[string]*dto.MetricFamily) (use processUse, ok bool) {
	value := func(name string) float64 {
		family := metrics[name]
		if family == nil || len(family.GetMetric()) != 1 {
			return 0
		}
		m := family.GetMetric()[0]
		return m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()
	}
	use = processUse{
		at:  time.Now(),
		cpu: value("process_cpu_seconds_total"), resident: value("process_resident_memory_bytes"),
		started: value("process_start_time_seconds"), cores: value("go_sched_gomaxprocs_threads"),
		files: value("process_open_fds"), maxFiles: value("process_max_fds"),
	}
	return use, use.cpu > 0 && use.resident > 0
}

// since returns the usage since an earlier moment.
func (u processUse) since(earlier processUse) processUse {
	u.cpu -= earlier.cpu
	return u
}

// ownUse returns this program's resource usage.
func ownUse() processUse {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, _ := registry.Gather() // empty if the system does not support it
	metrics := map[string]*dto.MetricFamily{}
	for _, family := range families {
		metrics[family.GetName()] = family
	}
	use, _ := processOf(metrics)
	return use
}

// serverWatch reads the servers' resource usage from /metrics.
type serverWatch struct {
	nodes   []*remote.Client
	unknown error // why the usage is not known; nil if it is known

	before, with processUse // before and after the streams were opened, before the first message
	first, last  processUse // at the start and the end of the measurement
	peak         float64    // of the resident memory during the measurement
}

func newServerWatch(nodes []*remote.Client) *serverWatch { return &serverWatch{nodes: nodes} }

func (w *serverWatch) beforeStreams(ctx context.Context) { w.before = w.ask(ctx) }
func (w *serverWatch) withStreams(ctx context.Context)   { w.with = w.ask(ctx) }
func (w *serverWatch) begin(ctx context.Context)         { w.first = w.look(ctx) }
func (w *serverWatch) end(ctx context.Context)           { w.last = w.look(ctx) }

// look reads the usage and updates the peak.
func (w *serverWatch) look(ctx context.Context) processUse {
	use := w.ask(ctx)
	w.peak = max(w.peak, use.resident)
	return use
}

// hasFiles returns an error if a server's limit of open files is known to be too low for the streams.
func (w *serverWatch) hasFiles(streams int) error {
	servers := float64(len(w.nodes))
	most, needed := w.before.maxFiles, (w.before.files+float64(streams))/servers
	if most == 0 || most >= needed {
		return nil
	}
	return fmt.Errorf("a server needs %.0f open files, but its limit is %.0f: raise the limit (ulimit -n), "+
		"or use fewer --streams", needed, most)
}

// ask returns the sum of what the servers use now. After the first failure it does not try again.
func (w *serverWatch) ask(ctx context.Context) processUse {
	var sum processUse
	for _, node := range w.nodes {
		if w.unknown != nil {
			return processUse{}
		}
		use, err := askProcess(ctx, node)
		if err != nil {
			w.unknown = err
			return processUse{}
		}
		sum.at = use.at
		sum.cpu += use.cpu
		sum.resident += use.resident
		sum.started += use.started
		sum.cores += use.cores
		sum.files += use.files
		if sum.maxFiles == 0 || use.maxFiles < sum.maxFiles {
			sum.maxFiles = use.maxFiles
		}
	}
	if w.before.started != 0 && sum.started != w.before.started {
		w.unknown = errors.New("the process has changed since the start: " +
			"the server was restarted, or the address belongs to several servers")
	}
	return sum
}

func askProcess(ctx context.Context, node *remote.Client) (processUse, error) {
	ctx, cancel := context.WithTimeout(ctx, metricsTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, node.Base+"/metrics", http.NoBody)
	if err != nil {
		return processUse{}, err
	}
	req.Header.Set("Accept-Encoding", "identity") // compression would cost CPU time, which is measured
	res, err := node.Send(req, "")
	if err != nil {
		return processUse{}, fmt.Errorf("%s/metrics: %s", node.Base, kindOf(err))
	}
	defer res.Body.Close()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	metrics, err := parser.TextToMetricFamilies(res.Body)
	if err != nil {
		return processUse{}, fmt.Errorf("%s/metrics: %w", node.Base, err)
	}
	use, ok := processOf(metrics)
	if !ok {
		return processUse{}, fmt.Errorf("%s/metrics has no process metrics", node.Base)
	}
	return use, nil
}
