package sse

import (
	"context"
	"runtime/debug"
	"time"
)

const (
	// memoryCheckInterval is how often releaseMemory checks whether new streams still arrive.
	memoryCheckInterval = 5 * time.Second
	// releaseThreshold is how many streams must have opened since the last release.
	releaseThreshold = 500
)

// releaseMemory returns memory to the system after many streams have opened, once no new ones arrive. Idle streams
// allocate nothing, so the garbage collector might not run for minutes, and the garbage of the requests would stay.
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
