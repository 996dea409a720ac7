package sse

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// consumerBatch limits the events that are applied under one hold of the hub's lock. That many messages of common
	// size fit into one batch of frames.
	consumerBatch = 256
	// pollInterval is how often the log is read in any case: the commit queue can miss events without noticing.
	pollInterval = 250 * time.Millisecond
	// readTimeout limits one query: a connection to the database may break without an error.
	readTimeout = 3 * time.Second
	// retryInterval is the pause after the log could not be read.
	retryInterval = 500 * time.Millisecond
	// gapTimeout is how long events wait for missing ones before them, which are probably on their way from another
	// node, before the log is read.
	gapTimeout = 5 * time.Millisecond
)

// logConsumer is the state of Run's goroutine.
type logConsumer struct {
	hub      *Hub
	ahead    []models.LogEntry // events after a gap; limited as the commit queue is
	gapTimer *time.Timer       // runs while there are some
	round    uint64            // the end of the flush queue after the last events were applied
}

// Run consumes the log until ctx is done. Its goroutine alone moves the hub's position, and never waits for a client.
// Run also starts the goroutines that publish who is online, keep this node's lease and watch for partitions, and
// waits for them.
func (h *Hub) Run(ctx context.Context) {
	var workers sync.WaitGroup
	defer workers.Wait()
	workers.Go(func() { h.releaseMemory(ctx) })
	workers.Go(h.peers.run)
	for range cap(h.flushes.wake) { // one wake-up can wait for each
		workers.Go(func() { h.runFlusher(ctx) })
	}
	defer h.peers.close()
	workers.Go(func() { h.runStatusQueue(ctx) })
	if h.nodeID != "" {
		workers.Go(func() { h.keepLease(ctx) })
		workers.Go(func() { h.watchdog(ctx) })
	}
	c := logConsumer{hub: h, gapTimer: time.NewTimer(gapTimeout)}
	defer c.gapTimer.Stop()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	checks := time.NewTicker(checkInterval)
	defer checks.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.commits.ready:
			c.waitForRound(ctx)
			if c.applyQueued() {
				continue
			}
		case <-c.gapTimer.C:
		case <-poll.C:
		case now := <-checks.C:
			h.CheckStreams(now)
			continue
		}
		c.readLog(ctx)
	}
}

// waitForRound waits until each stream that had to be flushed for the last events is being written to: whoever was
// handed to the flushers earlier could not be written to any sooner. What is committed meanwhile is written in one
// round, with one write for each stream. Then it lets commits proceed that are ready to run, for the same reason.
func (c *logConsumer) waitForRound(ctx context.Context) {
	c.hub.flushes.waitTaken(ctx, c.round)
	runtime.Gosched()
}

// applyQueued applies the queued events that directly follow the hub's position. It returns false if the log has to
// be read at once.
func (c *logConsumer) applyQueued() bool {
	defer func() { c.round = c.hub.flushes.end() }()
	entries, whole := c.hub.commits.takeAll()
	run, ahead := contiguous(c.hub.currentPosition(), append(c.ahead, entries...))
	for ; len(run) > 0; run = run[min(consumerBatch, len(run)):] {
		c.hub.apply(c.hub.encodeEvents(run[:min(consumerBatch, len(run))]))
	}
	switch {
	case len(ahead) == 0:
		c.gapTimer.Stop()
	case len(c.ahead) == 0: // set once per gap: later events must not postpone the read
		c.gapTimer.Reset(gapTimeout)
	}
	c.ahead = ahead
	return whole && len(ahead) < commitQueueEvents && dataBytes(ahead) < commitQueueBytes
}

// readLog brings the hub to the end of the log, or to where the queued events continue: under constant writes the end
// would never be reached.
func (c *logConsumer) readLog(ctx context.Context) {
	c.ahead = nil
	c.gapTimer.Stop()
	defer c.refreshRemotePresence(ctx)
	for more := true; more; {
		var err error
		if more, err = c.hub.advance(ctx); err != nil && ctx.Err() == nil {
			c.hub.logger.Warn("cannot read the event log; streams wait", "error", err)
			waitFor(ctx, retryInterval)
		}
		if before := c.hub.currentPosition(); more && c.applyQueued() && c.hub.currentPosition() > before {
			return
		}
	}
}

// refreshRemotePresence loads the presence on other nodes again if the log was not enough to follow it.
func (c *logConsumer) refreshRemotePresence(ctx context.Context) {
	if !c.hub.remoteOutdated.Swap(false) {
		return
	}
	if err := c.hub.reloadRemotePresence(ctx); err != nil {
		c.hub.logger.Warn("cannot load the presence on other nodes; retrying", "error", err)
		c.hub.remoteOutdated.Store(true)
	}
}

// advance applies the events after the hub's position. more reports whether there may be more.
func (h *Hub) advance(ctx context.Context) (more bool, err error) {
	position := h.currentPosition()
	limited, cancel := context.WithTimeout(ctx, readTimeout)
	defer cancel()
	entries, err := h.log.Entries(limited, position, consumerBatch)
	if err != nil {
		return false, err
	}
	h.logRead.Store(true)
	if len(entries) == 0 {
		return false, nil
	}
	if entries[0].Position != position+1 {
		h.skipPruned(entries[0].Position - 1)
	}
	h.apply(h.encodeEvents(entries))
	return len(entries) == consumerBatch, nil
}

func (h *Hub) encodeEvents(entries []models.LogEntry) []*event {
	epoch := h.log.Epoch()
	events := make([]*event, len(entries))
	for i, e := range entries {
		events[i] = newEvent(epoch, e)
	}
	return events
}

// skipPruned moves the hub over events that were pruned before it read them, for example after the machine was
// suspended for longer than events are kept. All streams replay from there and load their visibility again.
func (h *Hub) skipPruned(to int64) {
	h.withLock(func() {
		h.logger.Warn("this node's log position has been pruned", "from", h.position, "to", to)
		for _, s := range h.streams {
			if s.attached {
				h.detach(s)
				s.replayFrom(h.position) // the replay will find it pruned
				h.toFlush = append(h.toFlush, s)
			}
		}
		h.position, h.cache = to, eventCache{}
		h.remoteOutdated.Store(h.nodeID != "")
	})
}

func waitFor(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}
