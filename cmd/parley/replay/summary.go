package replay

import (
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

// status returns the progress line.
func (run *run) status() string {
	done := run.counts.messages.Load()
	line := fmt.Sprintf("%s: %d of %d messages, %.0f/s, %d guests, %d of %d rooms sent, %d compared",
		*run.phase.Load(), done, run.total, remote.PerSecond(done, run.playingTime()), run.guests.count(),
		run.counts.played.Load(), len(run.rooms), run.counts.compared.Load())
	if len(run.readers) > 0 {
		behind, reconnects := 0, int64(0)
		for _, r := range run.readers {
			behind = max(behind, r.check.behind())
			reconnects += r.reconnects.Load()
		}
		line += fmt.Sprintf(", readers %d events behind, %d reconnects", behind, reconnects)
	}
	return line
}

// playingTime returns how long sending the logs took, or has taken so far.
func (run *run) playingTime() time.Duration {
	if d := time.Duration(run.playing.Load()); d > 0 {
		return d
	}
	return time.Since(run.began)
}

// summary writes what was done to out, as a table.
func (run *run) summary(out io.Writer) error {
	c := &run.counts
	reconnects := int64(0)
	for _, r := range run.readers {
		reconnects += r.reconnects.Load()
	}
	result := "all compared equal"
	if n := run.report.differences(); n > 0 {
		result = fmt.Sprintf("differences: %d", n)
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, row := range []struct {
		name  string
		value any
	}{
		{"logs", len(run.rooms)},
		{"messages", c.messages.Load()},
		{"guests", run.guests.count()},
		{"joins", c.joins.Load()},
		{"joins of members, without effect", c.joinedAgain.Load()},
		{"leaves", c.leaves.Load()},
		{"leaves and renames of non-members, skipped", c.passedOver.Load()},
		{"bytes that are not UTF-8, replaced", run.tally.brokenBytes},
		{"characters U+0000, replaced", run.tally.nulls},
		{"empty texts, skipped", run.tally.emptyTexts},
		{"texts over the limit, cut", run.tally.cutTexts},
		{"other lines, skipped", run.tally.otherLines},
		{"requests retried", run.client.Retries.Load()},
		{"readers", len(run.readers)},
		{"reader reconnects", reconnects},
		{"events in the log", c.logEvents.Load()},
		{"seconds of sending", fmt.Sprintf("%.1f", run.playingTime().Seconds())},
		{"messages per second", fmt.Sprintf("%.0f", remote.PerSecond(c.messages.Load(), run.playingTime()))},
		{"seconds in total", fmt.Sprintf("%.1f", time.Since(run.began).Seconds())},
		{"result", result},
	} {
		fmt.Fprintf(w, "%s\t%v\n", row.name, row.value)
	}
	return w.Flush()
}
