package upload

import (
	"context"
	"net/http"
	"sync"
	"time"
)

const (
	// interruptTimeout bounds how long interrupt waits for the writer's end.
	interruptTimeout = 10 * time.Second
	// interruptGrace is how long an interrupted writer still reads what its client had sent before, as long as no gap is
	// longer than interruptGap.
	interruptGrace = 3 * time.Second
	interruptGap   = 300 * time.Millisecond
)

// writers are the requests of this server that write to an upload. The lock guards the map alone.
type writers struct {
	mu      sync.Mutex
	writing map[string]*writer // by upload
}

// writer is one of these requests.
type writer struct {
	connection *http.ResponseController
	done       chan struct{} // closed at its end

	mu      sync.Mutex
	stopped time.Time // guarded by mu: since when only bytes that have been sent are read; zero if not stopped
	ended   bool      // guarded by mu: the body has ended, and the connection has no deadline
}

func newWriters() *writers { return &writers{writing: map[string]*writer{}} }

// enter registers the one request that holds the upload. The request calls leave at its end.
func (ws *writers) enter(id string, connection *http.ResponseController) (w *writer, leave func()) {
	w = &writer{connection: connection, done: make(chan struct{})}
	ws.mu.Lock()
	defer ws.mu.Unlock()
	ws.writing[id] = w
	return w, func() {
		ws.mu.Lock()
		defer ws.mu.Unlock()
		if ws.writing[id] == w { // and not a later one, which took the upload over
			delete(ws.writing, id)
		}
		w.end()
		close(w.done)
	}
}

// interrupt stops the request that waits for bytes of the upload, if there is one, and waits for its end.
func (ws *writers) interrupt(ctx context.Context, id string) {
	ws.mu.Lock()
	w := ws.writing[id]
	ws.mu.Unlock()
	if w == nil {
		return
	}
	w.stop()
	timeout := time.NewTimer(interruptTimeout)
	defer timeout.Stop()
	select {
	case <-w.done:
	case <-timeout.C:
	case <-ctx.Done():
	}
}

// stop makes the request wait only for bytes that arrive in the next moment. A request that has all bytes goes on.
func (w *writer) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.ended || !w.stopped.IsZero() {
		return
	}
	w.stopped = time.Now()
	_ = w.connection.SetReadDeadline(w.stopped.Add(interruptGap))
}

// extend moves the read deadline, after stop only by a moment.
func (w *writer) extend(until time.Time) {
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

// end removes the deadline: what is read from now on belongs to the connection's next request.
func (w *writer) end() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.ended = true
	_ = w.connection.SetReadDeadline(time.Time{})
}

func (w *writer) wasStopped() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return !w.stopped.IsZero()
}
