//go:build !linux

package loadtest

import (
	"context"
	"time"
)

// alarm waits for a moment.
type alarm struct{}

func newAlarm() (*alarm, error) { return &alarm{}, nil }

// wait waits for d, unless ctx ends first.
func (*alarm) wait(ctx context.Context, d time.Duration) error { return wait(ctx, d) }

func (*alarm) close() {}
