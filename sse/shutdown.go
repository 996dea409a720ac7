package sse

import (
	"context"
	"math/rand/v2"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// When the server stops, closeBatch streams end at once, and the next ones after closePause.
	closeBatch = 500
	closePause = 20 * time.Millisecond
	// reconnectSpread is the time over which the clients of a stopping server are asked to reconnect.
	reconnectSpread = 3 * time.Second
)

// Close refuses new streams and ends the open ones with server.closing, in batches, so that clients do not all
// reconnect at once. It returns when all have ended. When ctx is done first, it closes the rest and returns the error
// of ctx.
func (h *Hub) Close(ctx context.Context) error {
	h.StopAccepting()
	open := h.closeStreams(ctx)
	ended := make(chan struct{})
	go func() {
		h.goroutines.Wait()
		close(ended)
	}()
	var err error
	select {
	case <-ended:
	case <-ctx.Done():
		err = ctx.Err()
		for _, s := range open {
			h.endStream(s)
		}
	}
	h.cancel()
	<-ended
	h.storeLastSeen()
	return err
}

// closeStreams sends server.closing to all open streams, in batches, and returns them.
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

// StopAccepting makes Open refuse new streams, also those that wait to be opened, before the server stops. Open streams
// continue until Close.
func (h *Hub) StopAccepting() {
	h.mu.Lock()
	h.closing = true
	h.mu.Unlock()
	h.refuseAll()
}

// checkAccepting returns an error if the server is about to stop.
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
