package sse

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// closeSlice is how many streams end at once when the server stops, and closePause the time between two slices.
	closeBatch = 500
	closePause = 20 * time.Millisecond
	// reconnectSpread is the time over which the clients of a server that stops are asked to come back.
	reconnectSpread = 3 * time.Second
)

// Close refuses new streams and ends those that are open with server.closing, in slices, so that they do not all come
// back at once. It returns when the last one is gone, or, with ctx's error, when ctx is over; then they were cut.
func (h *Hub) Close(ctx context.Context) error {
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	open := h.closeStreams(ctx)
	gone := make(chan struct{})
	go func() {
		h.goroutines.Wait()
		close(gone)
	}()
	var err error
	select {
	case <-gone:
	case <-ctx.Done():
		err = ctx.Err()
		for _, s := range open {
			h.endStream(s)
		}
	}
	h.cancel()
	<-gone
	h.storeDepartures()
	return err
}

// endAll ends the streams that are open, in slices, and answers them.
func (h *Hub) closeStreams(ctx context.Context) []*Stream {
	h.mu.Lock()
	open := make([]*Stream, 0, len(h.streams))
	for _, s := range h.streams {
		open = append(open, s)
	}
	h.mu.Unlock()
	for i, s := range open {
		if i > 0 && i%closeBatch == 0 {
			waitFor(ctx, closePause)
		}
		frame := ephemeralFrame("", models.EventServerClosing, models.ServerClosing{
			ReconnectInMS: int64(rand.N(reconnectSpread) / time.Millisecond),
		})
		h.mu.Lock()
		h.finishStream(s, frame)
		h.mu.Unlock()
	}
	return open
}

// Refuse has Open refuse new streams from now on, as a server does that is about to stop. Those that are open go on until
// Close.
func (h *Hub) Refuse() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closing = true
}

// accepting is nil until the server is about to stop.
func (h *Hub) checkAccepting() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closing {
		return stoppingError()
	}
	return nil
}

func stoppingError() error {
	return &models.Error{
		Code: models.CodeUnavailable, Message: "This server is stopping.", RetryAfter: time.Second, Busy: models.BusyStopping,
	}
}
