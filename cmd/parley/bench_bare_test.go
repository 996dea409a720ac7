package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/signal"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"time"
)

// asBare makes the test binary be the server that stands beside Parley, at the address that it holds.
const asBare = "PARLEY_TEST_BARE"

// bareServer is the least that a server of streams can be: it takes the connections over from net/http, keeps nothing
// else of them, and writes to all of them in a loop what it was given before. It knows no users, no rooms and no log, and
// it blocks where a socket takes nothing.
type bareServer struct {
	mu     sync.Mutex
	conns  []net.Conn
	pieces [][]byte // what is written at a time
}

// serveBare serves until SIGTERM.
func serveBare(address string) int {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	if err := (&bareServer{}).serve(ctx, address); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func (s *bareServer) serve(ctx context.Context, address string) error {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", address)
	if err != nil {
		return err
	}
	routes := http.NewServeMux()
	routes.HandleFunc("GET /v1/events", s.open)
	routes.HandleFunc("PUT /pieces", s.keep)
	routes.HandleFunc("POST /deliveries", s.deliver)
	served := make(chan error, 1)
	server := http.Server{Handler: routes, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout}
	go func() { served <- server.Serve(listener) }()
	fmt.Println("The bare server is ready.")
	select {
	case <-ctx.Done():
		return nil
	case err := <-served:
		return err
	}
}

// open takes a stream's connection over.
func (s *bareServer) open(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	if _, err := io.WriteString(conn, "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"); err != nil {
		panic(err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.conns = append(s.conns, conn)
}

// keep takes the frames that are to be written, so many together.
func (s *bareServer) keep(w http.ResponseWriter, r *http.Request) {
	together, err := strconv.Atoi(r.FormValue("together"))
	frames, failed := io.ReadAll(r.Body)
	if err := errors.Join(err, failed); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.pieces = nil
	ends := bytes.SplitAfter(frames, []byte("\n\n"))
	for group := range slices.Chunk(ends[:len(ends)-1], together) { // nothing is behind the last
		s.pieces = append(s.pieces, bytes.Join(group, nil))
	}
}

// deliver writes the pieces, again and again, to all streams for a while, and answers how many it has written.
func (s *bareServer) deliver(w http.ResponseWriter, r *http.Request) {
	spell, err := time.ParseDuration(r.FormValue("for"))
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	written := 0
	for start := time.Now(); time.Since(start) < spell; written++ {
		if err := s.writeAll(s.pieces[written%len(s.pieces)]); err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
	}
	fmt.Fprint(w, written)
}

func (s *bareServer) writeAll(piece []byte) error {
	for _, conn := range s.conns {
		if _, err := conn.Write(piece); err != nil {
			return err
		}
	}
	return nil
}
