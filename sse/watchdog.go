package sse

import (
	"context"
	"time"

	"github.com/parley-chat/parley/models"
)

// partitionedAfter is how long one of several nodes may be unable to read the log before its streams end: it may have
// missed a log-out. Clients then reconnect to another node.
const partitionedAfter = 4 * time.Second

// watchdog ends all streams of a node that is partitioned from the database, and makes it refuse new ones. It counts
// its own ticks, not the clock: after a suspended process continues, the log consumer gets its chance to read first.
func (h *Hub) watchdog(ctx context.Context) {
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for sinceRead := time.Duration(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		if h.logRead.Swap(false) {
			sinceRead = 0
			h.partitioned.Store(false)
			continue
		}
		if sinceRead += pollInterval; sinceRead >= partitionedAfter && h.otherNodes.Load() > 0 {
			h.partitioned.Store(true)
			if ended := h.closeStreams(ctx); len(ended) > 0 {
				h.logger.Warn("partitioned from the database; ending streams so that clients reconnect to other nodes",
					"streams", len(ended))
			}
			sinceRead = 0
		}
	}
}

// CheckHealth returns nil unless the hub is partitioned: it cannot read the log, and there are other nodes.
func (h *Hub) CheckHealth() error {
	if h.partitioned.Load() {
		return &models.Error{
			Code: models.CodeUnavailable, Message: "This server is cut off from its database.", RetryAfter: time.Second,
		}
	}
	return nil
}
