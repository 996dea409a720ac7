package server

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/handlers"
	"github.com/parley-chat/parley/handlers/deadline"
	"github.com/parley-chat/parley/models"
)

const (
	// requestGrace bounds how long a stop waits for the requests under way. Then their connections are cut, and
	// cutGrace bounds how long the stop waits for the handlers to return.
	requestGrace = 5 * time.Second
	cutGrace     = time.Second
	cutPoll      = 5 * time.Millisecond
)

// times returns the time limits for clients.
func (c Config) times() deadline.Limits {
	if c.Limits != nil {
		return *c.Limits
	}
	return deadline.Default()
}

// HTTPServer serves requests on one listener. What is exported is for the tests.
type HTTPServer struct {
	*http.Server
	Routes   http.Handler
	Listener *deadline.Listener
	log      *slog.Logger
	draining atomic.Bool // the server is about to stop
	cut      context.CancelFunc
	served   sync.WaitGroup // done when no connection is accepted any more
	Running  atomic.Int64   // requests whose handlers run
	failed   chan error     // the listener's error, if it fails by itself
}

// serveHTTP serves until stop.
func serveHTTP(l *net.TCPListener, handler http.Handler, times deadline.Limits, proxies handlers.Proxies, log *slog.Logger) *HTTPServer {
	ctx, cut := context.WithCancel(context.Background())
	s := &HTTPServer{
		Routes: handler, Listener: deadline.NewListener(l, times, deadline.Room(), proxies.Trust), log: log, cut: cut,
		failed: make(chan error, 1),
	}
	s.Server = &http.Server{
		Handler:     s.track(handler),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState:   s.Listener.Track,
		// Bodies that may take longer have read deadlines of their own, and the listener sets write deadlines.
		ReadHeaderTimeout: times.Head, ReadTimeout: times.Body, IdleTimeout: times.Idle,
		// Heads that are no larger than this are refused by a problem; beyond it net/http gives up in plain text.
		MaxHeaderBytes: 2 * models.MaxHeadBytes,
		ErrorLog:       slog.NewLogLogger(log.Handler(), slog.LevelDebug),
	}
	s.served.Go(func() {
		if err := s.Serve(s.Listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	})
	return s
}

// track counts the requests under way. Once the server is about to stop, it makes clients and proxies close their
// connections: a request that is on its way when its connection closes would be lost.
func (s *HTTPServer) track(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		s.Running.Add(1)
		defer s.Running.Add(-1)
		next.ServeHTTP(w, r)
	})
}

// stop accepts no more connections and gives the requests under way a moment to be answered. Those that still wait for
// their clients are then cut; nothing of them was acknowledged.
func (s *HTTPServer) stop() error {
	defer s.cut()
	ctx, cancel := context.WithTimeout(context.Background(), requestGrace)
	defer cancel()
	err := s.Shutdown(ctx)
	s.served.Wait()
	if !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	requests, _ := s.Listener.Connections()
	s.log.Warn("connections were cut that were not done in time", "connections", requests, "requests", s.Running.Load())
	s.cut()
	err = s.Close()
	ticker := time.NewTicker(cutPoll)
	defer ticker.Stop()
	for end := time.Now().Add(cutGrace); s.Running.Load() > 0; <-ticker.C {
		if time.Now().After(end) {
			s.log.Warn("some requests go on while the server stops", "requests", s.Running.Load())
			break
		}
	}
	return err
}
