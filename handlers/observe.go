package handlers

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
)

// statusGone stands in the log for a request whose client went away before there was an answer.
const statusGone = 499

// observer writes a line and counts for each request. Labels are patterns, never paths: a path is the client's choice,
// and each new one would cost memory for ever.
type observer struct {
	log       *slog.Logger
	proxies   Proxies
	refused   *prometheus.CounterVec
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
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

func newObserver(log *slog.Logger, metrics prometheus.Registerer, limits deadline.Limits, proxies Proxies) observer {
	o := observer{
		log: log, limits: limits, proxies: proxies, meters: &sync.Map{},
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_requests_refused_total",
			Help: "Requests that were refused, by the limit that they were over, or else by the code of the problem.",
		}, []string{"reason"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_http_requests_total", Help: "Requests that were answered, and event streams that were opened.",
		}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parley_http_request_duration_seconds", Help: "How long answers took, event streams left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
	}
	metrics.MustRegister(o.requests, o.durations, o.refused)
	return o
}

// observe gives the request its trace, turns a panic into a problem, and tells of the request when it is over.
func (o observer) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		t := &trace{id: requestID(r), limits: o.limits, client: o.proxies.clientOf(r)}
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
	if rec.taken && traceOf(r).panicked == nil {
		return // a stream, which tells of itself when it ends
	}
	m.took.Observe(took.Seconds())

	t := traceOf(r)
	if reason := t.refusal(); reason != "" {
		o.refused.WithLabelValues(reason).Inc()
	}
	level := t.level(cmp.Or(t.problem, status))
	if probes[route] && level < slog.LevelError || !o.log.Enabled(r.Context(), level) {
		return
	}
	line := []slog.Attr{
		slog.String("method", method), slog.String("path", pathToLog(r, route)), slog.String("route", route),
		slog.Int("status", status), slog.String("took", readable(took)), slog.Int64("bytes", rec.bytes),
		slog.String("client", t.client.address()), slog.String("request_id", t.id),
	}
	if t.caller.UserID != 0 {
		line = append(line, slog.Int64("user", t.caller.UserID))
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

// probes are the routes that are asked for by machines, all the time. They are neither counted nor logged.
var probes = map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}

// maxLoggedPath bounds what a line says of a path, in bytes: the longest is as long as the client likes.
const maxLoggedPath = 512

// pathToLog is the path that was asked for. An invite's code opens a room to whoever reads it: of those there is the route.
func pathToLog(r *http.Request, route string) string {
	path := r.URL.Path
	if strings.Contains(route, "{code}") {
		path = route
	}
	return path[:min(len(path), maxLoggedPath)]
}

// readable is d to three digits or so, as people read it.
func readable(d time.Duration) string {
	unit := time.Microsecond
	for unit*1000 < d {
		unit *= 10
	}
	return d.Round(unit).String()
}

// refusal is why the request was refused: the limit that it was over, why it was refused for now, or the problem's code. It is
// "" for one that was not.
func (t *trace) refusal() string {
	var known *models.Error
	switch is := errors.As(t.err, &known); {
	case is && known.Limit != "":
		return known.Limit
	case t.busy != "":
		return string(t.busy)
	case is && t.problem != 0:
		return string(known.Code)
	}
	return ""
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
