package sse

import (
	"math/rand/v2"
	"time"

	"github.com/parley-chat/parley/models"
)

// BusyAnswer is the whole answer to a client whose stream cannot be opened for now: when to come back, and the event busy.
// A browser's EventSource gives up for good on any status but 200, and comes back by itself after an answer that ends.
// again is the least time to wait, 1 s for less than that; up to half as long, and a second, are added by chance, so that
// clients which were refused together do not return together. The event has no id: the browser's last one stays as it was.
func BusyAnswer(reason models.BusyReason, again time.Duration) []byte {
	again = max(again, time.Second)
	pause := again + rand.N(again/2+time.Second)
	return append(retryFrame(pause.Milliseconds()), ephemeralFrame("", models.EventBusy, models.Busy{Reason: reason})...)
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
