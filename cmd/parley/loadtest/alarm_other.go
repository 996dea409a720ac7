//go:build !linux

package loadtest

import (
	"context"
	"time"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

// alarm waits for a moment, as exactly as Go's timers.
type alarm struct{}

func newAlarm() (*alarm, error) { return &alarm{}, nil }

// wait waits for d, unless ctx ends first.
func (*alarm) wait(ctx context.Context, d time.Duration) error { return remote.Wait(ctx, d) }

func (*alarm) close() {}
