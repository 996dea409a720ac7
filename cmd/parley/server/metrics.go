package server

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/parley-chat/parley/cmd/parley/version"
	"github.com/parley-chat/parley/models/store"
	"github.com/parley-chat/parley/sse"
)

func (s *Server) metrics() *prometheus.Registry {
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	metrics.MustRegister(buildInfo(version.Current()))
	metrics.MustRegister(sendCounters(s.Store)...)
	metrics.MustRegister(streamGauges(s.Hub)...)
	if s.bus != nil {
		metrics.MustRegister(busCounters(s.bus)...)
	}
	return metrics
}

// buildInfo returns a gauge that is always 1; its labels carry the information.
func buildInfo(v version.Info) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "parley_build_info", Help: "Always 1; the labels are the version of Parley, its commit and the version of Go.",
		ConstLabels: prometheus.Labels{"version": v.Version, "commit": v.Commit, "goversion": v.Go},
	}, func() float64 { return 1 })
}

// sendCounters returns counters of messages and of the commits that they share.
func sendCounters(s *store.Store) []prometheus.Collector {
	return []prometheus.Collector{
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "parley_send_batches_total",
			Help: "Commits that stored messages; messages sent during a commit share the next one.",
		}, func() float64 { batches, _ := s.SendBatches(); return float64(batches) }),
		prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "parley_messages_sent_total", Help: "Messages stored.",
		}, func() float64 { _, messages := s.SendBatches(); return float64(messages) }),
	}
}

// streamGauges returns gauges of the streams of this node and their users. A user with streams on two nodes counts on
// both.
func streamGauges(h *sse.Hub) []prometheus.Collector {
	gauge := func(name, help string, of func(streams, users int) int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			return float64(of(h.Count()))
		})
	}
	return []prometheus.Collector{
		gauge("parley_streams_open", "Event streams open on this node.",
			func(streams, _ int) int { return streams }),
		gauge("parley_users_online", "Users with an event stream open on this node.",
			func(_, users int) int { return users }),
	}
}

// busCounters returns metrics that show whether events reach the other nodes over NATS, or only through the event log
// in the database.
func busCounters(b *sse.Bus) []prometheus.Collector {
	traffic := func(name, help string, of func(sent, dropped, received int64) int64) prometheus.Collector {
		return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 {
			return float64(of(b.Traffic()))
		})
	}
	return []prometheus.Collector{
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "parley_bus_connected",
			Help: "1 while NATS is connected; while 0, events of other nodes are read from the database.",
		}, func() float64 {
			if b.Connected() {
				return 1
			}
			return 0
		}),
		traffic("parley_bus_events_sent_total", "Events published to the other nodes.",
			func(sent, _, _ int64) int64 { return sent }),
		traffic("parley_bus_events_dropped_total",
			"Events not published because NATS was disconnected or slow; nodes read them from the database.",
			func(_, dropped, _ int64) int64 { return dropped }),
		traffic("parley_bus_events_received_total", "Events received from other nodes.",
			func(_, _, received int64) int64 { return received }),
	}
}
