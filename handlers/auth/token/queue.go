package token

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// maxWaitingOfNetwork and maxWaiting bound how many wait for their hash. At about 30 ms each, the last waits a few
	// seconds.
	maxWaitingOfNetwork = 64
	maxWaiting          = 512
)

// queue lets as many callers work at once as there are slots. The others wait, and networks take turns: during a flood
// from one network, a caller from another network waits for one or two hashes only. Lines are bounded, and callers
// beyond that are refused at once.
type queue struct {
	mu      sync.Mutex
	free    int     // slots; 0 while any caller waits
	lines   []*line // one for each network with waiters, in the order of their turns
	waiting int
}

// line is the waiters of one network, first come first served.
type line struct {
	network string
	waiters []*waiter
}

// waiter is one waiting caller. The queue's lock guards it until done is closed.
type waiter struct {
	done chan struct{} // closed with the turn, or with err
	err  error
}

// enter waits for a slot. Unless it returns an error, the caller returns the slot with leave.
func (q *queue) enter(ctx context.Context, network string) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w, err := q.join(network)
	if w == nil {
		return err
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		if !q.quit(network, w) && w.err == nil {
			q.leave() // the turn came at the same moment
		}
		return ctx.Err()
	}
}

// join takes a free slot, which needs no waiter, or a place in the network's line.
func (q *queue) join(network string) (*waiter, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.free > 0 {
		q.free--
		return nil, nil
	}
	at := q.find(network)
	if at >= 0 && len(q.lines[at].waiters) >= maxWaitingOfNetwork {
		return nil, queueFull(models.CodeRateLimited, "Too many log-ins and sign-ups from your network wait; try again.")
	}
	if q.waiting >= maxWaiting && !q.makeRoom(at) {
		return nil, queueFull(models.CodeUnavailable, "Too many log-ins and sign-ups wait; try again.")
	}
	w := &waiter{done: make(chan struct{})}
	if at = q.find(network); at < 0 {
		q.lines = append(q.lines, &line{network: network})
		at = len(q.lines) - 1
	}
	q.lines[at].waiters = append(q.lines[at].waiters, w)
	q.waiting++
	return w, nil
}

// makeRoom refuses the last waiter of the longest line in favour of one in a shorter line: otherwise a few networks
// could exclude all others.
func (q *queue) makeRoom(own int) bool {
	longest := slices.MaxFunc(q.lines, func(a, b *line) int { return len(a.waiters) - len(b.waiters) })
	length := 0 // of the own line
	if own >= 0 {
		length = len(q.lines[own].waiters)
	}
	if len(longest.waiters) <= length+1 {
		return false
	}
	last := longest.waiters[len(longest.waiters)-1]
	last.err = queueFull(models.CodeUnavailable, "Too many log-ins and sign-ups wait; try again.")
	q.remove(slices.Index(q.lines, longest), len(longest.waiters)-1)
	close(last.done)
	return true
}

// quit removes a waiter whose client has disconnected, if it still waits.
func (q *queue) quit(network string, w *waiter) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	at := q.find(network)
	if at < 0 {
		return false
	}
	place := slices.Index(q.lines[at].waiters, w)
	if place < 0 {
		return false
	}
	q.remove(at, place)
	return true
}

// leave gives the slot to the next waiter, and moves the other waiters of its network behind all other networks.
func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.lines) == 0 {
		q.free++
		return
	}
	next := q.lines[0]
	w := next.waiters[0]
	q.remove(0, 0)
	if len(next.waiters) > 0 {
		q.lines = append(q.lines[1:], next)
	}
	close(w.done)
}

func (q *queue) find(network string) int {
	return slices.IndexFunc(q.lines, func(l *line) bool { return l.network == network })
}

// remove removes a waiter from a line, and an empty line.
func (q *queue) remove(at, place int) {
	l := q.lines[at]
	l.waiters = slices.Delete(l.waiters, place, place+1)
	q.waiting--
	if len(l.waiters) == 0 {
		q.lines = slices.Delete(q.lines, at, at+1)
	}
}

// queueFull is the error of a caller who does not fit into the queue.
func queueFull(code models.Code, message string) error {
	return &models.Error{Code: code, Message: message, RetryAfter: 2 * time.Second, Limit: "password_queue"}
}
