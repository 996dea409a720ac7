package sse

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// tailBatch bounds the events that are applied under one hold of the hub's lock.
	tailBatch = 512
	// pollEvery is how often the log is read without a wake-up: the commits of other nodes give none.
	pollEvery = 250 * time.Millisecond
	// retryEvery is how long to wait after the log could not be read.
	retryEvery = 500 * time.Millisecond
)

// Run tails the log until ctx is over. It is the one goroutine that moves the hub, and waits for no client. A second one
// beside it tells who is online.
func (h *Hub) Run(ctx context.Context) {
	var telling sync.WaitGroup
	telling.Go(func() { h.tellStatuses(ctx) })
	defer telling.Wait()
	poll := time.NewTicker(pollEvery)
	defer poll.Stop()
	sweeps := time.NewTicker(sweepEvery)
	defer sweeps.Stop()
	for {
		more, err := h.advance(ctx)
		if err != nil && ctx.Err() == nil {
			h.logger.Warn("the log could not be read; streams wait", "error", err)
			pause(ctx, retryEvery)
		}
		if more && err == nil {
			continue
		}
		select {
		case <-ctx.Done():
			return
		case <-h.log.Committed():
		case <-poll.C:
		case now := <-sweeps.C:
			h.Sweep(now)
		}
	}
}

// advance applies what follows the hub's position; more says that there may be more.
func (h *Hub) advance(ctx context.Context) (more bool, err error) {
	h.mu.Lock()
	position := h.position
	h.mu.Unlock()
	entries, err := h.log.Entries(ctx, position, tailBatch)
	if err != nil || len(entries) == 0 {
		return false, err
	}
	if entries[0].Position != position+1 {
		h.skip(entries[0].Position - 1)
	}
	h.apply(h.events(entries))
	return len(entries) == tailBatch, nil
}

func (h *Hub) events(entries []models.LogEntry) []*event {
	epoch := h.log.Epoch()
	events := make([]*event, len(entries))
	for i, e := range entries {
		events[i] = newEvent(epoch, e)
	}
	return events
}

// skip moves the hub over events that were pruned before it read them, as after a machine that slept for longer than
// events are kept. Its streams must read again, and what they may see is loaded afresh.
func (h *Hub) skip(to int64) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.logger.Warn("the log is no longer kept where this node stood", "from", h.position, "to", to)
	for _, s := range h.streams {
		if s.live {
			h.detach(s)
			s.enqueue(h.resync(models.ResyncExpired, to))
			s.walkFrom(to)
			s.flush()
		}
	}
	h.position, h.recent = to, recent{}
}

func (h *Hub) resync(why models.ResyncReason, position int64) []byte {
	return passing(h.cursor(position), models.EventResync, models.Resync{Reason: why})
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
