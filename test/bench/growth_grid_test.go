package bench

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"text/tabwriter"
)

// grid is measurements of several things at several sizes.
type grid struct {
	title, unit string
	names       []string
	cells       map[string]map[int]float64 // by name and size
}

func newGrid(title, unit string) *grid {
	return &grid{title: title, unit: unit, cells: map[string]map[int]float64{}}
}

func (g *grid) set(name string, size int, x float64) {
	if g.cells[name] == nil {
		g.names, g.cells[name] = append(g.names, name), map[int]float64{}
	}
	g.cells[name][size] = x
}

// sizes returns the sizes at which a name was measured, the smallest first.
func (g *grid) sizes(name string) []int { return slices.Sorted(maps.Keys(g.cells[name])) }

// print writes the grid in Markdown; the last column is the ratio of the values at the largest and the smallest size.
func (g *grid) print(w io.Writer) error {
	if len(g.names) == 0 {
		return nil
	}
	sizes := g.sizes(g.names[0])
	header, rule := []string{g.title}, []string{"---"}
	for _, size := range sizes {
		header, rule = append(header, whole(float64(size))), append(rule, "---")
	}
	lines := [][]string{append(header, "ratio"), append(rule, "---")}
	for _, name := range g.names {
		line := []string{name}
		for _, size := range sizes {
			line = append(line, fmt.Sprintf("%.*f %s", decimals(g.cells[name][size]), g.cells[name][size], g.unit))
		}
		ratio := g.cells[name][sizes[len(sizes)-1]] / g.cells[name][sizes[0]]
		lines = append(lines, append(line, fmt.Sprintf("%.2f", ratio)))
	}
	tabs := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	fmt.Fprintln(tabs)
	for _, cells := range lines {
		for _, cell := range cells {
			fmt.Fprint(tabs, "| ", cell, "\t")
		}
		fmt.Fprintln(tabs, "|")
	}
	return tabs.Flush()
}

// decimals returns the number of decimals that gives a number three significant digits.
func decimals(x float64) int {
	switch {
	case x < 10:
		return 2
	case x < 100:
		return 1
	}
	return 0
}
