package store

import (
	"context"
	"errors"
	"sync"
	"time"
)

const (
	// gatherTimeout bounds one question to the database. It is not any one request's to cancel.
	gatherTimeout = 10 * time.Second
	// gatherPatience is how long the next question waits for the one under way. The more wait, the less each of them costs, but
	// one that hangs must not hold up all others.
	gatherPatience = 50 * time.Millisecond
	// gatherLimit bounds the keys of one question.
	gatherLimit = 256
)

// errUnanswered is left to those whose question ended in a panic.
var errUnanswered = errors.New("the database was not asked")

// gathering asks the database for what many requests want to know at once: what is asked while a question is under way
// goes into the next one. Each is answered by a question that began after it came, so nobody is told what was so before.
type gathering[K comparable, V any] struct {
	load func(ctx context.Context, keys []K) (map[K]V, error)
	turn chan struct{} // holds whoever asks
	mu   sync.Mutex
	open *question[K, V] // not asked yet; nil for none
}

type question[K comparable, V any] struct {
	keys   []K
	closed bool // nobody joins it any more; guarded by gathering.mu
	done   chan struct{}
	values map[K]V
	err    error
}

func newGathering[K comparable, V any](load func(ctx context.Context, keys []K) (map[K]V, error)) *gathering[K, V] {
	return &gathering[K, V]{load: load, turn: make(chan struct{}, 1)}
}

// ask is the value under key; known is false where the database has none.
func (g *gathering[K, V]) ask(ctx context.Context, key K) (value V, known bool, err error) {
	q := g.join(key)
	select {
	case <-q.done:
	case <-ctx.Done():
		return value, false, ctx.Err()
	case g.turn <- struct{}{}:
		g.put(ctx, q)
	}
	select {
	case <-q.done:
	case <-ctx.Done():
		return value, false, ctx.Err()
	}
	value, known = q.values[key]
	return value, known, q.err
}

// join adds key to the question that is asked next.
func (g *gathering[K, V]) join(key K) *question[K, V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	q := g.open
	if q == nil || len(q.keys) == gatherLimit {
		q = &question[K, V]{done: make(chan struct{})}
		g.open = q
	}
	q.keys = append(q.keys, key)
	return q
}

// put asks q and gives the turn back. It asks nothing when somebody else who wants to know has begun to.
func (g *gathering[K, V]) put(ctx context.Context, q *question[K, V]) {
	giveBack := sync.OnceFunc(func() { <-g.turn })
	defer giveBack()
	if !g.close(q) {
		return
	}
	defer time.AfterFunc(gatherPatience, giveBack).Stop()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), gatherTimeout)
	defer cancel()
	defer close(q.done)
	q.err = errUnanswered // should load panic
	q.values, q.err = g.load(ctx, q.keys)
}

// close has nobody join q any more. It reports whether it was open.
func (g *gathering[K, V]) close(q *question[K, V]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if q.closed {
		return false
	}
	q.closed = true
	if g.open == q {
		g.open = nil
	}
	return true
}
