//go:build unix

package faults

import (
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"time"
)

var rowHeads = []string{
	"fault", "run", "sends/s", "deliveries/s", "p50", "p99", "acknowledged", "in doubt", "retries", "repeats", "hops",
	"normal after", "removed after", "presence after", "notes", "",
}

func (r trialRow) cells() []string {
	verdict := "failed"
	if r.passed {
		verdict = "passed"
	}
	short := func(d time.Duration) string { return d.Round(time.Millisecond).String() }
	return []string{
		r.fault, fmt.Sprint(r.run), fmt.Sprintf("%.0f", r.sends), fmt.Sprintf("%.0f", r.baseline.perSecond()),
		short(r.baseline.p50), short(r.baseline.p99), fmt.Sprint(r.acked), fmt.Sprint(r.doubted), fmt.Sprint(r.retries),
		fmt.Sprint(r.repeats), fmt.Sprint(r.hops), short(r.recovery), short(r.removal), short(r.presence),
		strings.Join(r.notes, "; "), verdict,
	}
}

// printRows prints the table of the runs, in Markdown.
func printRows(w io.Writer, rows []trialRow) error {
	tabs := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	line := func(cells []string) {
		for _, cell := range cells {
			fmt.Fprint(tabs, "| ", cell, "\t")
		}
		fmt.Fprintln(tabs, "|")
	}
	fmt.Fprintln(tabs)
	line(rowHeads)
	line(strings.Split(strings.Repeat("---,", len(rowHeads)-1)+"---", ","))
	for _, r := range rows {
		line(r.cells())
	}
	fmt.Fprintln(tabs)
	return tabs.Flush()
}
