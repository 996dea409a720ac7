package sse

import (
	"context"
	"sync"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// tailBatch bounds the events that are applied under one hold of the hub's lock. So many messages of the usual size are
	// one burst.
	consumerBatch = 256
	// pollEvery is how often the log is read in any case: the feed may have missed something without a trace.
	pollInterval = 250 * time.Millisecond
	// readTimeout bounds one reading of the log: a connection may be cut without a sign.
	readTimeout = 3 * time.Second
	// retryEvery is how long to wait after the log could not be read.
	retryInterval = 500 * time.Millisecond
	// gapPatience is how long events that came ahead of their turn wait for those before them, which are mostly on their
	// way from another node, before the log is read.
	gapTimeout = 5 * time.Millisecond
	// restMost and restBytes bound how long the tail rests between two rounds of writing, and what may wait meanwhile.
	maxCoalesce   = 20 * time.Millisecond
	coalesceBytes = 64 << 10
)

// tail is what Run alone knows.
type logConsumer struct {
	hub           *Hub
	ahead         []models.LogEntry // have come before their turn; as many as a feed may hold
	gapTimer      *time.Timer       // runs while there are some
	coalesceUntil time.Time         // until then the tail rests
}

// Run tails the log until ctx is over. It is the one goroutine that moves the hub, and waits for no client. Others beside it
// tell who is online and, where there may be other nodes, keep this one's lease and watch that it is not cut off.
func (h *Hub) Run(ctx context.Context) {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { h.releaseMemory(ctx) })
	beside.Go(h.peers.run)
	defer h.peers.close()
	beside.Go(func() { h.runStatusQueue(ctx) })
	if h.nodeID != "" {
		beside.Go(func() { h.keepLease(ctx) })
		beside.Go(func() { h.watchdog(ctx) })
	}
	t := logConsumer{hub: h, gapTimer: time.NewTimer(gapTimeout)}
	defer t.gapTimer.Stop()
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	sweeps := time.NewTicker(checkInterval)
	defer sweeps.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-h.commits.ready:
			t.coalesce(ctx)
			if t.applyQueued() {
				continue
			}
		case <-t.gapTimer.C:
		case <-poll.C:
		case now := <-sweeps.C:
			h.Sweep(now)
			continue
		}
		t.readLog(ctx)
	}
}

// rest waits for as long as the last round took, unless much has come by now. A write costs mostly the same whatever it
// carries: under load this makes fewer of them, each with more messages, and a message late by no more than those before
// it took anyhow. What comes at longer intervals finds the tail rested.
func (t *logConsumer) coalesce(ctx context.Context) {
	timer := time.NewTimer(time.Until(t.coalesceUntil))
	defer timer.Stop()
	for t.hub.commits.pendingBytes() < coalesceBytes {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
			return
		case <-t.hub.commits.ready:
		}
	}
}

// follow applies what the feed brought, as far as it follows on where the hub stands. It reports false when the log has
// to be read at once.
func (t *logConsumer) applyQueued() bool {
	begun := time.Now()
	defer func() { t.coalesceUntil = time.Now().Add(min(time.Since(begun), maxCoalesce)) }()
	entries, whole := t.hub.commits.takeAll()
	run, ahead := contiguous(t.hub.currentPosition(), append(t.ahead, entries...))
	for ; len(run) > 0; run = run[min(consumerBatch, len(run)):] {
		t.hub.apply(t.hub.encodeEvents(run[:min(consumerBatch, len(run))]))
	}
	switch {
	case len(ahead) == 0:
		t.gapTimer.Stop()
	case len(t.ahead) == 0: // and not again with all that comes meanwhile, which would put the reading off
		t.gapTimer.Reset(gapTimeout)
	}
	t.ahead = ahead
	return whole && len(ahead) < commitQueueEvents && dataBytes(ahead) < commitQueueBytes
}

// read brings the hub to the end of the log, or to where the feed goes on from: while much is written, there would always
// be more to read.
func (t *logConsumer) readLog(ctx context.Context) {
	t.ahead = nil
	t.gapTimer.Stop()
	defer t.refreshRemotePresence(ctx)
	for more := true; more; {
		var err error
		if more, err = t.hub.advance(ctx); err != nil && ctx.Err() == nil {
			t.hub.logger.Warn("the log could not be read; streams wait", "error", err)
			waitFor(ctx, retryInterval)
		}
		if before := t.hub.currentPosition(); more && t.applyQueued() && t.hub.currentPosition() > before {
			return
		}
	}
}

// refresh reads who is on the other nodes, when there is no telling it from the log.
func (t *logConsumer) refreshRemotePresence(ctx context.Context) {
	if !t.hub.remoteOutdated.Swap(false) {
		return
	}
	if err := t.hub.reloadRemotePresence(ctx); err != nil {
		t.hub.logger.Warn("it could not be read who is on other nodes; it will be tried again", "error", err)
		t.hub.remoteOutdated.Store(true)
	}
}

// advance applies what follows the hub's position; more says that there may be more.
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

// skip moves the hub over events that were pruned before it read them, as after a machine that slept for longer than
// events are kept. Its streams must read again, and what they may see is loaded afresh.
func (h *Hub) skipPruned(to int64) {
	h.withLock(func() {
		h.logger.Warn("the log is no longer kept where this node stood", "from", h.position, "to", to)
		for _, s := range h.streams {
			if s.attached {
				h.detach(s)
				s.replayFrom(h.position) // which it finds to be kept no more
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
