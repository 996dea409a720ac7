package sse

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// tidyEvery is how often it is looked whether there is something to tidy up: when none came for as long.
	memoryCheckInterval = 5 * time.Second
	// crowdSize is how many streams must have come since the last time.
	releaseThreshold = 500
)

// tidy gives back to the system what the requests that opened many streams left behind, once no more come. Idle streams
// allocate nothing, so that the collector might not run again for minutes, and hold twice of what they need meanwhile.
func (h *Hub) releaseMemory(ctx context.Context) {
	ticker := time.NewTicker(memoryCheckInterval)
	defer ticker.Stop()
	for tidied, before := int64(0), int64(0); ; {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		opened := h.streamsOpened.Load()
		if opened == before && opened-tidied >= releaseThreshold {
			debug.FreeOSMemory()
			tidied = opened
		}
		before = opened
	}
}
