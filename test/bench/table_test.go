package bench

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"testing"
	"text/tabwriter"
)

// series are the values of one measurement, usually one from each round.
type series []float64

func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// quantile returns the smallest value that at least a share q of the values does not exceed.
func (s series) quantile(q float64) float64 {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// pair is the values measured with Parley and those of its baseline, round by round.
type pair struct{ parley, baseline series }

func (p *pair) add(parley, baseline float64) {
	p.parley, p.baseline = append(p.parley, parley), append(p.baseline, baseline)
}

// ratios returns the ratio of each round: other work on the machine slowed both values of a round.
func (p *pair) ratios() series {
	r := make(series, len(p.parley))
	for i := range r {
		r[i] = p.parley[i] / p.baseline[i]
	}
	return r
}

// report puts the medians into the benchmark's output line. It removes the time of an iteration, which only shows how
// long a round was set to be.
func (p *pair) report(b *testing.B, parley, baseline, ratio string) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p.parley.median(), parley)
	b.ReportMetric(p.baseline.median(), baseline)
	b.ReportMetric(p.ratios().median(), ratio)
}

// goal is the goal of a figure: the value that it must reach, and the value to aim for. It applies to the ratio, unless
// it has a unit.
type goal struct{ least, aim string }

// atLeast is the goal of a ratio for which more is better.
func atLeast(ratio, aim float64) goal {
	return goal{strconv.FormatFloat(ratio, 'f', -1, 64), strconv.FormatFloat(aim, 'f', -1, 64)}
}

// atMost is the goal of a ratio for which less is better.
func atMost(ratio, aim float64) goal {
	g := atLeast(ratio, aim)
	return goal{"at most " + g.least, "at most " + g.aim}
}

// table is the table that is printed at the end, in Markdown.
type table struct{ lines [][]string }

// add adds a figure. what names the baseline; format formats one value.
func (t *table) add(figure string, p pair, what string, format func(float64) string) {
	t.addWithGoal(figure, p, what, format, goal{})
}

// addWithGoal adds a figure that has a goal.
func (t *table) addWithGoal(figure string, p pair, what string, format func(float64) string, g goal) {
	r := p.ratios()
	t.lines = append(t.lines, []string{
		figure, format(p.parley.median()), what + ": " + format(p.baseline.median()),
		fmt.Sprintf("%.2f (%.2f to %.2f)", r.median(), slices.Min(r), slices.Max(r)), g.least, g.aim,
	})
}

// addMissing adds a figure that could not be measured, and the reason.
func (t *table) addMissing(figure, why string) {
	t.lines = append(t.lines, []string{figure, "not measured", why, "", "", ""})
}

// print writes the table, after a line with its title.
func (t *table) print(w io.Writer, title string) error {
	if len(t.lines) == 0 {
		return nil
	}
	tabs := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintf(tabs, "\n%s\n\n", title)
	for _, cells := range append([][]string{
		{"figure", "Parley", "beside it", "ratio (min to max)", "at least", "aim"},
		{"---", "---", "---", "---", "---", "---"},
	}, t.lines...) {
		for _, cell := range cells {
			fmt.Fprint(tabs, "| ", cell, "\t")
		}
		fmt.Fprintln(tabs, "|")
	}
	fmt.Fprintln(tabs)
	return tabs.Flush()
}

// whole formats a number without a fraction, in groups of three digits.
func whole(x float64) string {
	digits := fmt.Sprintf("%.0f", x)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func milliseconds(x float64) string { return fmt.Sprintf("%.2f ms", x) }
