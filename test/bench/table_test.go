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

// series are the figures of one thing, one from each round.
type series []float64

func (s series) median() float64 {
	sorted := slices.Sorted(slices.Values(s))
	half := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[half]
	}
	return (sorted[half-1] + sorted[half]) / 2
}

// quantile is the least of the figures that a share q of them does not exceed.
func (s series) quantile(q float64) float64 {
	sorted := slices.Sorted(slices.Values(s))
	return sorted[max(0, int(math.Ceil(q*float64(len(sorted))))-1)]
}

// pair is what was measured with Parley, and what beside it, round by round.
type pair struct{ parley, baseline series }

func (p *pair) add(parley, beside float64) {
	p.parley, p.baseline = append(p.parley, parley), append(p.baseline, beside)
}

// ratios compare within each round: what else the machine did meanwhile slowed both.
func (p *pair) ratios() series {
	r := make(series, len(p.parley))
	for i := range r {
		r[i] = p.parley[i] / p.baseline[i]
	}
	return r
}

// report puts the medians into the benchmark's own line. The time of an iteration, which would be first there, only
// tells how long a round was made to be.
func (p *pair) report(b *testing.B, parley, beside, ratio string) {
	b.Helper()
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(p.parley.median(), parley)
	b.ReportMetric(p.baseline.median(), beside)
	b.ReportMetric(p.ratios().median(), ratio)
}

// goal is what is asked of a figure: what it has to come to, and what it should come to. It speaks of the ratio, unless
// it has a unit of its own.
type goal struct{ least, aim string }

// atLeast is the goal of a ratio that is the better the greater it is.
func atLeast(ratio, aim float64) goal {
	return goal{strconv.FormatFloat(ratio, 'f', -1, 64), strconv.FormatFloat(aim, 'f', -1, 64)}
}

// atMost is the goal of a ratio that is the better the smaller it is.
func atMost(ratio, aim float64) goal {
	g := atLeast(ratio, aim)
	return goal{"at most " + g.least, "at most " + g.aim}
}

// table is what is printed at the end, in Markdown.
type table struct{ lines [][]string }

// add adds a figure. format shows one number; what tells what stood beside Parley.
func (t *table) add(figure string, p pair, what string, format func(float64) string) {
	t.addWithGoal(figure, p, what, format, goal{})
}

// addWithGoal adds a figure of which something is asked.
func (t *table) addWithGoal(figure string, p pair, what string, format func(float64) string, g goal) {
	r := p.ratios()
	t.lines = append(t.lines, []string{
		figure, format(p.parley.median()), what + ": " + format(p.baseline.median()),
		fmt.Sprintf("%.2f (%.2f to %.2f)", r.median(), slices.Min(r), slices.Max(r)), g.least, g.aim,
	})
}

// addMissing adds a figure that could not be taken, and why.
func (t *table) addMissing(figure, why string) {
	t.lines = append(t.lines, []string{figure, "not measured", why, "", "", ""})
}

// print writes the table, and before it a line on what it is of.
func (t *table) print(w io.Writer, of string) error {
	if len(t.lines) == 0 {
		return nil
	}
	tabs := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintf(tabs, "\n%s\n\n", of)
	for _, cells := range append([][]string{
		{"figure", "Parley", "beside it", "ratio (min to max)", "at least", "aim"}, {"---", "---", "---", "---", "---", "---"},
	}, t.lines...) {
		for _, cell := range cells {
			fmt.Fprint(tabs, "| ", cell, "\t")
		}
		fmt.Fprintln(tabs, "|")
	}
	fmt.Fprintln(tabs)
	return tabs.Flush()
}

// whole shows a number without a fraction, in groups of three digits.
func whole(x float64) string {
	digits := fmt.Sprintf("%.0f", x)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}

func milliseconds(x float64) string { return fmt.Sprintf("%.2f ms", x) }
