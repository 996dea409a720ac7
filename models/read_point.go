package models

import (
	"context"
	"time"
)

// ReadPoint is a position of the log that the reads of one request have in common: the store looks up once where the
// log ends, after the request has come, and then knows for all of them what was committed before it. Only the request's
// goroutine uses it.
type ReadPoint struct {
	Position int64
	At       time.Time // when the position was read; zero before
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

// Current reports whether the position may still be used.
func (p *ReadPoint) Current() bool { return !p.At.IsZero() && time.Since(p.At) < readPointLife }

// Set keeps a position that was asked for at a time.
func (p *ReadPoint) Set(position int64, at time.Time) { p.Position, p.At = position, at }

// Clear has the position read again: something newer was seen, which must not be older than what follows.
func (p *ReadPoint) Clear() { p.At = time.Time{} }
