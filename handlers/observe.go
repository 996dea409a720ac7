package handlers

import (
	"cmp"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/handlers/deadline"
)

// statusGone stands in the log for a request whose client went away before there was an answer.
const statusGone = 499

// observer writes a line and counts for each request. Labels are patterns, never paths: a path is the client's choice,
// and each new one would cost memory for ever.
type observer struct {
	log       *slog.Logger
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	refused   *prometheus.CounterVec
	limits    deadline.Limits
	meters    *sync.Map // *meter by outcome: finding them by their labels would take longer than counting
}

// outcome is what requests are counted by. There are as many as there are routes, methods and statuses.
type outcome struct {
	method, route string
	status        int
}

// meter counts the requests with one outcome.
type meter struct {
	requests prometheus.Counter
	took     prometheus.Observer
}

// meter makes the outcome's meter with its first request.
func (o observer) meter(of outcome) *meter {
	if m, known := o.meters.Load(of); known {
		return m.(*meter)
	}
	labels := []string{of.method, of.route, strconv.Itoa(of.status)}
	m, _ := o.meters.LoadOrStore(of, &meter{
		requests: o.requests.WithLabelValues(labels...), took: o.durations.WithLabelValues(labels...),
	})
	return m.(*meter)
}

func newObserver(log *slog.Logger, metrics prometheus.Registerer, limits deadline.Limits) observer {
	o := observer{
		log: log, limits: limits, meters: &sync.Map{},
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_http_requests_total", Help: "Requests that were answered, and event streams that were opened.",
		}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parley_http_request_duration_seconds", Help: "How long answers took, event streams left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_requests_refused_total", Help: "Requests that were refused for now: 429, 503, and streams that were told busy.",
		}, []string{"reason"}),
	}
	metrics.MustRegister(o.requests, o.durations, o.refused)
	return o
}

// observe gives the request its trace, turns a panic into a problem, and tells of the request when it is over.
func (o observer) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		t := &trace{id: requestID(r), limits: o.limits}
		rec := &recorder{ResponseWriter: w}
		r = withTrace(r, t)
		w.Header().Set("X-Request-Id", t.id)
		defer o.tell(rec, r, start)
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p) // net/http's own way to cut a connection
			default:
				t.err, t.panicked = fmt.Errorf("panic: %v", p), debug.Stack()
				if rec.begun() {
					panic(http.ErrAbortHandler) // half an answer must not pass for a whole one
				}
				fail(rec, r, t.err)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

func (o observer) tell(rec *recorder, r *http.Request, start time.Time) {
	took := time.Since(start)
	route, method := chi.RouteContext(r.Context()).RoutePattern(), r.Method
	if !slices.Contains(methods, method) {
		method = "other"
	}
	if route == "" {
		route = "none"
	}
	status := rec.outcome(r.Context())
	m := o.meter(outcome{method, route, status})
	m.requests.Inc()
	if busy := traceOf(r).busy; busy != "" {
		o.refused.WithLabelValues(string(busy)).Inc()
	}
	if rec.taken && traceOf(r).panicked == nil {
		return // a stream, which tells of itself when it ends
	}
	m.took.Observe(took.Seconds())

	t := traceOf(r)
	level := t.level(cmp.Or(t.problem, status))
	if !o.log.Enabled(r.Context(), level) {
		return
	}
	line := []slog.Attr{
		slog.String("method", method), slog.String("route", route), slog.Int("status", status),
		slog.Duration("took", took), slog.Int64("bytes", rec.bytes), slog.String("request_id", t.id),
	}
	if t.caller.UserID != 0 {
		line = append(line, slog.Int64("user_id", t.caller.UserID))
	}
	if t.problem != 0 && t.problem != status {
		line = append(line, slog.String("busy", string(t.busy)))
	}
	if t.err != nil {
		line = append(line, slog.String("error", t.err.Error()))
	}
	if t.panicked != nil {
		line = append(line, slog.String("stack", string(t.panicked)))
	}
	o.log.LogAttrs(r.Context(), level, "request", line...)
}

// level tells a defect from an hour when the server cannot serve, and both from what a client did.
func (t *trace) level(status int) slog.Level {
	switch {
	case t.panicked != nil, status == http.StatusInternalServerError:
		return slog.LevelError
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
