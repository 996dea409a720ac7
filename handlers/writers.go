package handlers

import (
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	// interruptPatience bounds how long who interrupts a writer waits for its end.
	interruptPatience = 10 * time.Second
	// interruptGrace is how long a writer that was interrupted takes what its client sent before, as long as there is never
	// more than interruptGap in between.
	interruptGrace = 3 * time.Second
	interruptGap   = 300 * time.Millisecond
)

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
	stopped time.Time // guarded by mu: since when no byte is waited for that is not on its way; zero for not
	relaxed bool      // guarded by mu: no byte need be waited for
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
		if ws.writing[id] == w { // and not one that took the upload over
			delete(ws.writing, id)
		}
		w.relax()
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

// stop has the request wait for no byte any more that is not here in a moment. One that has them all goes on.
func (w *writing) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.relaxed || !w.stopped.IsZero() {
		return
	}
	w.stopped = time.Now()
	_ = w.connection.SetReadDeadline(w.stopped.Add(interruptGap))
}

// extend gives the client time for the next bytes, or a moment when it was stopped.
func (w *writing) extend(until time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped.IsZero() {
		until = time.Now().Add(interruptGap)
		if end := w.stopped.Add(interruptGrace); until.After(end) {
			until = end
		}
	}
	_ = w.connection.SetReadDeadline(until)
}

// relax ends the deadline: from now on, whatever is read belongs to the connection's next request.
func (w *writing) relax() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.relaxed = true
	_ = w.connection.SetReadDeadline(time.Time{})
}

func (w *writing) wasStopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.stopped.IsZero()
}
