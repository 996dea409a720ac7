package loadtest

import (
	"fmt"
	"time"

	"github.com/dustin/go-humanize"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

// shownStatus is the state at the last progress line; only status uses it.
type shownStatus struct {
	at                time.Duration
	acked, deliveries int64
}

// status returns the progress line.
func (run *run) status() string {
	stage := run.stage.Load()
	now, acked, arrived := run.now(), run.counts.acked.Load(), run.arrivals()
	before := run.shown
	run.shown = shownStatus{now, acked, arrived.deliveries}
	if acked == 0 {
		return stage.String()
	}
	line := stage.name
	from, to := run.window()
	switch {
	case now < from:
		line += fmt.Sprintf(", %.0f s left", (from - now).Seconds())
	case now < to:
		line += fmt.Sprintf(" %.0f of %.0f s", (now - from).Seconds(), (to - from).Seconds())
	case stage.total > 0:
		return stage.String()
	}
	since := min(now-before.at, now-(from-run.config.WarmUp)) // not before the first message was due
	line += fmt.Sprintf(": %s sends/s, %s deliveries/s",
		perSecondText(acked-before.acked, since), perSecondText(arrived.deliveries-before.deliveries, since))
	if receipts := run.receipts(); receipts.TotalCount() > 0 {
		line += fmt.Sprintf(", p50 %.1f ms, p99 %.1f ms",
			inMilliseconds(receipts.ValueAtQuantile(50)), inMilliseconds(receipts.ValueAtQuantile(99)))
	}
	if _, failed := run.errors.snapshot(); failed > 0 {
		line += fmt.Sprintf(", %s errors", humanize.Comma(failed))
	}
	return line
}

// String returns the name of the stage, and its progress if its total is known.
func (s *stage) String() string {
	if s.total == 0 {
		return s.name
	}
	return fmt.Sprintf("%s: %s of %s", s.name, humanize.Comma(s.done.Load()), humanize.Comma(int64(s.total)))
}

func perSecondText(n int64, d time.Duration) string {
	return humanize.CommafWithDigits(remote.PerSecond(n, d), 0)
}
