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
	// requestGrace bounds how long a stop waits for the requests under way, and cutGrace for the handlers of those that
	// were cut then.
	requestGrace = 5 * time.Second
	cutGrace     = time.Second
	cutLook      = 5 * time.Millisecond
)

// times are the limits of what a client may take its time with.
func (c Config) times() deadline.Limits {
	if c.Limits != nil {
		return *c.Limits
	}
	return deadline.Default()
}

// HTTPServer serves requests on one listener.
type HTTPServer struct {
	*http.Server
	Routes   http.Handler
	Listener *deadline.Listener
	log      *slog.Logger
	draining atomic.Bool // the server is about to stop
	cut      context.CancelFunc
	served   sync.WaitGroup // the accepting of connections
	Running  atomic.Int64   // requests whose handler runs
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
		// Bodies that take longer have read deadlines of their own, and the listener's connections write deadlines.
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

// track knows of the requests under way. It has clients and proxies give up their connections once the server is about
// to stop: a request that is on its way over one when it closes would be lost.
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

// stop takes no more connections, and gives the requests under way a moment to be answered. What then still waits for
// its client is cut; nothing of it was acknowledged.
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
	look := time.NewTicker(cutLook)
	defer look.Stop()
	for end := time.Now().Add(cutGrace); s.Running.Load() > 0; <-look.C {
		if time.Now().After(end) {
			s.log.Warn("some requests go on while the server stops", "requests", s.Running.Load())
			break
		}
	}
	return err
}
