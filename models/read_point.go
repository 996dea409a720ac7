package models

import (
	"context"
	"sync"
	"time"
)

// ReadPoint is a position of the log that the reads of one request have in common: the store looks up once where the
// log ends, after the request has come, and then knows for all of them what was committed before it. It is safe for
// concurrent use: some requests are served by several goroutines.
type ReadPoint struct {
	mu       sync.Mutex
	position int64
	at       time.Time // when the position was asked for; zero for none
	cleared  time.Time // see Clear
}

// readPointLife is for how long a request may be answered as of one position. A request that was held up, or that takes
// long, reads it again, so that what ended meanwhile ends for it too.
const readPointLife = 250 * time.Millisecond

type readPointKey struct{}

// WithReadPoint returns the context of a request, with an empty ReadPoint.
func WithReadPoint(ctx context.Context) context.Context {
	return context.WithValue(ctx, readPointKey{}, &ReadPoint{})
}

// ReadPointOf returns the ReadPoint of a request, or one of its own for what is no request.
func ReadPointOf(ctx context.Context) *ReadPoint {
	if p, ok := ctx.Value(readPointKey{}).(*ReadPoint); ok {
		return p
	}
	return &ReadPoint{}
}

// Get returns the position, and whether it may still be used.
func (p *ReadPoint) Get() (position int64, current bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.position, !p.at.IsZero() && time.Since(p.at) < readPointLife
}

// Set keeps a position that was asked for at a time, unless that was before the last Clear.
func (p *ReadPoint) Set(position int64, at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !at.Before(p.cleared) {
		p.position, p.at = position, at
	}
}

// Clear has the position read again: something newer was seen, which must not be older than what follows.
func (p *ReadPoint) Clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at, p.cleared = time.Time{}, time.Now()
}
