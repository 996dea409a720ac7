package middleware

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
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/handlers/request"
	"github.com/parley-chat/parley/models"
)

// statusClientGone is logged for a request whose client disconnected before there was a response.
const statusClientGone = 499

// observer logs and counts each request. The labels of its metrics are route patterns, never paths: clients choose
// paths, and each new label would use memory for ever.
type observer struct {
	log       *slog.Logger
	proxies   request.Proxies
	refused   *prometheus.CounterVec
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	limits    deadline.Limits
	meters    *sync.Map // *meter by outcome: to look them up by their labels would take longer than to count
}

// outcome is what requests are counted by. There are as many as routes, methods and statuses.
type outcome struct {
	method, route string
	status        int
}

// meter counts the requests with one outcome.
type meter struct {
	requests prometheus.Counter
	took     prometheus.Observer
}

// meter returns the meter of an outcome, and creates it for the first request.
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

// Observe gives each request its context, turns a panic into a problem, and logs and counts the request at its end.
func Observe(log *slog.Logger, metrics prometheus.Registerer, limits deadline.Limits, proxies request.Proxies,
) func(http.Handler) http.Handler {
	o := observer{
		log: log, limits: limits, proxies: proxies, meters: &sync.Map{},
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_requests_refused_total",
			Help: "Requests that were refused, by the limit that they were over, or else by the code of the problem.",
		}, []string{"reason"}),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "parley_http_requests_total", Help: "Requests that got a response, and event streams that were opened.",
		}, []string{"method", "route", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "parley_http_request_duration_seconds", Help: "How long responses took, event streams left out.",
			Buckets: []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
		}, []string{"method", "route", "status"}),
	}
	metrics.MustRegister(o.requests, o.durations, o.refused)
	return o.observe
}

func (o observer) observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start := time.Now()
		t := &request.Context{ID: request.NewID(r), Limits: o.limits, Client: o.proxies.ClientOf(r)}
		rec := &recorder{ResponseWriter: w, conn: deadline.ConnOf(r.Context())}
		r = request.With(r, t)
		w.Header().Set("X-Request-Id", t.ID)
		defer o.finish(rec, r, start)
		defer func() {
			switch p := recover(); p {
			case nil:
			case http.ErrAbortHandler:
				panic(p) // net/http's own way to cut a connection
			default:
				t.Err, t.Stack = fmt.Errorf("panic: %v", p), debug.Stack()
				if rec.begun() {
					panic(http.ErrAbortHandler) // half a response must not look like a whole one
				}
				problem.Write(rec, r, t.Err)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// finish counts and logs a request that has ended, or that has become a stream.
func (o observer) finish(rec *recorder, r *http.Request, start time.Time) {
	took := time.Since(start)
	route, method := chi.RouteContext(r.Context()).RoutePattern(), r.Method
	if !slices.Contains(Methods, method) {
		method = "other"
	}
	if route == "" {
		route = "none"
	}
	status := rec.outcome(r.Context())
	t := request.From(r)
	m := o.meter(outcome{method, route, status})
	m.requests.Inc()
	if rec.taken && t.Stack == nil {
		return // a stream, which is logged when it ends
	}
	m.took.Observe(took.Seconds())
	if reason := refusal(t); reason != "" {
		o.refused.WithLabelValues(reason).Inc()
	}
	level := levelOf(t, cmp.Or(t.Status, status))
	if probes[route] && level < slog.LevelError || !o.log.Enabled(r.Context(), level) {
		return
	}
	// A record of its own, and not o.log.LogAttrs: that looks up from where it is called, and nobody reads it.
	line := slog.NewRecord(start.Add(took), level, "request", 0)
	line.AddAttrs(
		slog.String("method", method), slog.String("path", pathToLog(r, route)), slog.String("route", route),
		slog.Int("status", status), slog.String("took", readable(took)), slog.Int64("bytes", rec.bytes),
		slog.String("client", t.Client.Address()), slog.String("request_id", t.ID),
	)
	if t.Caller.UserID != 0 {
		line.AddAttrs(slog.Int64("user", t.Caller.UserID))
	}
	if t.Status != 0 && t.Status != status {
		line.AddAttrs(slog.String("busy", string(t.Busy)))
	}
	if t.Err != nil {
		line.AddAttrs(slog.String("error", t.Err.Error()))
	}
	if t.Stack != nil {
		line.AddAttrs(slog.String("stack", string(t.Stack)))
	}
	_ = o.log.Handler().Handle(r.Context(), line) // as LogAttrs, which has nobody to report an error to either
}

// probes are the paths that monitoring asks for all the time. They are neither counted against a quota nor logged.
var probes = map[string]bool{"/healthz": true, "/readyz": true, "/metrics": true}

// maxLoggedPath bounds the path in a log line, in bytes.
const maxLoggedPath = 512

// pathToLog is the request's path. An invite's code lets everyone who reads it into a room: its route is logged
// instead.
func pathToLog(r *http.Request, route string) string {
	path := r.URL.Path
	if strings.Contains(route, "{code}") {
		path = route
	}
	return path[:min(len(path), maxLoggedPath)]
}

// readable rounds d to about three digits.
func readable(d time.Duration) string {
	unit := time.Microsecond
	for unit*1000 < d {
		unit *= 10
	}
	return d.Round(unit).String()
}

// refusal returns why a request was refused: the limit that it was over, the reason why it was refused for now, or the
// code of the problem. It returns "" for a request that was not refused.
func refusal(t *request.Context) string {
	if t.Err == nil {
		return string(t.Busy)
	}
	var known *models.Error
	switch is := errors.As(t.Err, &known); {
	case is && known.Limit != "":
		return known.Limit
	case t.Busy != "":
		return string(t.Busy)
	case is && t.Status != 0:
		return string(known.Code)
	}
	return ""
}

// levelOf is error for defects, warn while the server cannot serve, and info for what clients do.
func levelOf(t *request.Context, status int) slog.Level {
	switch {
	case t.Stack != nil, status == http.StatusInternalServerError:
		return slog.LevelError
	case status == http.StatusServiceUnavailable:
		return slog.LevelWarn
	}
	return slog.LevelInfo
}
