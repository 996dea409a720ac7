package handlers

import (
	"context"
	"net/http"
	"sync"
	"time"
)

// interruptPatience bounds how long who interrupts a writer waits for its end.
const interruptPatience = 10 * time.Second

// writers are the requests of this server that bring bytes of an upload. The lock guards the map alone.
type writers struct {
	mu      sync.Mutex
	writing map[string]*writing // by upload
}

// writing is one of them.
type writing struct {
	connection *http.ResponseController
	over       chan struct{} // closed at its end

	mu      sync.Mutex
	stopped bool // guarded by mu: no byte is waited for any more
}

func newWriters() *writers { return &writers{writing: map[string]*writing{}} }

// enter is called by the one request that holds the upload, which calls what it returns when it is over.
func (ws *writers) enter(id string, connection *http.ResponseController) (w *writing, leave func()) {
	w = &writing{connection: connection, over: make(chan struct{})}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.writing[id] = w
	return w, func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		delete(ws.writing, id)
		_ = connection.SetReadDeadline(time.Time{})
		close(w.over)
	}
}

// interrupt ends the request that waits for bytes of the upload, if there is one, and waits until it is over.
func (ws *writers) interrupt(ctx context.Context, id string) {
	ws.mu.Lock()
	w := ws.writing[id]
	ws.mu.Unlock()
	if w == nil {
		return
	}
	w.stop()
	patience := time.NewTimer(interruptPatience)
	defer patience.Stop()
	select {
	case <-w.over:
	case <-patience.C:
	case <-ctx.Done():
	}
}

func (w *writing) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	_ = w.connection.SetReadDeadline(time.Unix(1, 0))
}

// extend gives the client its time for the next bytes, unless it was stopped.
func (w *writing) extend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		_ = w.connection.SetReadDeadline(time.Now().Add(idleTimeout))
	}
}
