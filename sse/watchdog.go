package sse

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

// blindAfter is how long a node that is not alone may be unable to read the log before its streams end: the others may
// have told of a log-out, or of much else, that it does not know of. Clients then go to those.
const partitionedAfter = 4 * time.Second

// guard ends all streams of a node that is cut off from the database, and has it refuse others. It counts its own ticks, not the time that passes:
// after a process was stopped and goes on, the tail gets its chance to read first.
func (h *Hub) watchdog(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for blind := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if h.logRead.Swap(false) {
			blind = 0
			h.partitioned.Store(false)
			continue
		}
		if blind += pollInterval; blind >= partitionedAfter && h.otherNodes.Load() > 0 {
			h.partitioned.Store(true)
			if ended := h.closeStreams(ctx); len(ended) > 0 {
				h.logger.Warn("the log cannot be read; streams end, so that their clients go to other nodes", "streams", len(ended))
			}
			blind = 0
		}
	}
}

// Sound is nil while the hub can read the log, or is alone in not being able to.
func (h *Hub) Sound() error {
	if h.partitioned.Load() {
		return &models.Error{
			Code: models.CodeUnavailable, Message: "This server is cut off from its database.", RetryAfter: time.Second,
		}
	}
	return nil
}
