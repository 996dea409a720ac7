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

// metricsTimeout is how long a server may take to answer what it uses.
const metricsTimeout = 5 * time.Second

// processUse is what processes have used, and may use.
type processUse struct {
	at       time.Time
	cpu      float64 // seconds
	resident float64 // bytes
	started  float64 // what cannot be compared when it has changed
	cores    float64
	files    float64 // open
	maxFiles float64 // of the one that may have the least
}

// processOf reads the metrics of a process. ok is whether they are there: not every system has them.
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

// since is what was used from an earlier moment on.
func (u processUse) since(earlier processUse) processUse {
	u.cpu -= earlier.cpu
	return u
}

// ownUse is what this program has used.
func ownUse() processUse {
	registry := prometheus.NewRegistry()
	registry.MustRegister(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	families, _ := registry.Gather() // where it cannot be known, there are none
	metrics := map[string]*dto.MetricFamily{}
	for _, family := range families {
		metrics[family.GetName()] = family
	}
	use, _ := processOf(metrics)
	return use
}

// serverWatch follows what the servers use, by their /metrics.
type serverWatch struct {
	nodes   []*remote.Client
	unknown error // why it is not known

	before, with processUse // without the streams, and with them, before anything was sent
	first, last  processUse // when it was measured
	peak         float64    // of the resident memory meanwhile
}

func newServerWatch(nodes []*remote.Client) *serverWatch { return &serverWatch{nodes: nodes} }

func (w *serverWatch) beforeStreams(ctx context.Context) { w.before = w.ask(ctx) }
func (w *serverWatch) withStreams(ctx context.Context)   { w.with = w.ask(ctx) }
func (w *serverWatch) begin(ctx context.Context)         { w.first = w.look(ctx) }
func (w *serverWatch) end(ctx context.Context)           { w.last = w.look(ctx) }

// look asks, and minds the peak.
func (w *serverWatch) look(ctx context.Context) processUse {
	use := w.ask(ctx)
	w.peak = max(w.peak, use.resident)
	return use
}

// hasFiles tells of a server that may not open as many files as there will be streams, if that is known.
func (w *serverWatch) hasFiles(streams int) error {
	servers := float64(len(w.nodes))
	most, needed := w.before.maxFiles, (w.before.files+float64(streams))/servers
	if most == 0 || most >= needed {
		return nil
	}
	return fmt.Errorf("a server may have %.0f open files, and needs %.0f: raise its limit (ulimit -n), or use fewer --streams", most, needed)
}

// ask adds up what the servers use now. Once that was not to be had, it is left at that.
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
		w.unknown = errors.New("it is another process than at the start: it was started anew, or the address leads to several servers")
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
	req.Header.Set("Accept-Encoding", "identity") // it is small, and the processor is what is measured
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
		return processUse{}, fmt.Errorf("%s/metrics tells nothing of its process", node.Base)
	}
	return use, nil
}
