package handlers

import (
	"context"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/parley-chat/parley/handlers/api"
	"github.com/parley-chat/parley/handlers/codec"
	"github.com/parley-chat/parley/handlers/problem"
	"github.com/parley-chat/parley/models"
)

// readyRetry is the Retry-After of a server that is not ready.
const readyRetry = 2 * time.Second

// health is what monitoring reads: the probes and the metrics. Probes may send any Accept.
type health struct {
	ready   func(context.Context) error
	metrics http.Handler
}

func newHealth(ready func(context.Context) error, metrics *prometheus.Registry) health {
	return health{ready: ready, metrics: promhttp.HandlerFor(metrics, promhttp.HandlerOpts{})}
}

// Healthz succeeds as long as the process runs.
func (h health) Healthz(w http.ResponseWriter, r *http.Request) { writeHealth(w, r) }

// Readyz succeeds if the server can serve.
func (h health) Readyz(w http.ResponseWriter, r *http.Request) {
	if err := h.ready(r.Context()); err != nil {
		problem.Write(w, r, &models.Error{
			Code: models.CodeUnavailable, Message: "The server cannot serve now.", RetryAfter: readyRetry, Err: err,
		})
		return
	}
	writeHealth(w, r)
}

// Metrics returns the metrics for Prometheus.
func (h health) Metrics(w http.ResponseWriter, r *http.Request) { h.metrics.ServeHTTP(w, r) }

func writeHealth(w http.ResponseWriter, r *http.Request) {
	mediaType := codec.Preferred(r, codec.JSON, codec.MessagePack)
	if mediaType == "" {
		mediaType = codec.JSON
	}
	body, err := codec.EncodeAs(mediaType, api.Health{Status: "ok"})
	if err != nil {
		problem.Write(w, r, err)
		return
	}
	codec.Write(w, http.StatusOK, mediaType, body)
}
