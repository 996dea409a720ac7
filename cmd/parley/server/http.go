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
	// requestGrace is how long a stop waits at most for active requests. Then their connections are closed, and
	// cutGrace is how long the stop waits at most for the handlers to return.
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

// HTTPServer serves requests on one listener. Listener and Running are exported for the tests of deadlines, which wait
// until no connection is open and no request runs.
type HTTPServer struct {
	*http.Server
	Listener *deadline.Listener
	log      *slog.Logger
	draining atomic.Bool // the server is about to stop
	cut      context.CancelFunc
	served   sync.WaitGroup // done when no connection is accepted any more
	Running  atomic.Int64   // requests whose handlers run
	failed   chan error     // the listener's error, if it fails before stop
}

// serveHTTP starts to serve; stop ends it.
func serveHTTP(
	l *net.TCPListener, handler http.Handler, times deadline.Limits, proxies handlers.Proxies, log *slog.Logger,
) *HTTPServer {
	ctx, cut := context.WithCancel(context.Background())
	s := &HTTPServer{
		Listener: deadline.NewListener(l, times, deadline.MaxOpenFiles(), proxies.Trust, log), log: log, cut: cut,
		failed: make(chan error, 1),
	}
	s.Server = &http.Server{
		Handler:     s.track(handler),
		BaseContext: func(net.Listener) context.Context { return ctx },
		ConnState:   s.Listener.Track, ConnContext: deadline.WithConn,
		// Bodies that may take longer have read deadlines of their own, and the listener sets write deadlines.
		ReadHeaderTimeout: times.Head, ReadTimeout: times.Body, IdleTimeout: times.Idle,
		// Heads up to this size are refused with a problem; above it, net/http refuses them in plain text.
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

// track counts active requests. Once the server is about to stop, it makes clients and proxies close their connections:
// a request that arrives while its connection is being closed would be lost.
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

// stop accepts no more connections and waits for active requests for a moment. Requests that still wait for their
// clients are then aborted; they were not acknowledged.
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
	s.log.Warn("closed connections whose requests did not finish in time",
		"connections", requests, "requests", s.Running.Load())
	s.cut()
	err = s.Close()
	ticker := time.NewTicker(cutPoll)
	defer ticker.Stop()
	for end := time.Now().Add(cutGrace); s.Running.Load() > 0; <-ticker.C {
		if time.Now().After(end) {
			s.log.Warn("some requests are still active while the server stops", "requests", s.Running.Load())
			break
		}
	}
	return err
}
