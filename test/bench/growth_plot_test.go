package bench

import (
	"bytes"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
)

// panel is one diagram of a chart: lines over sizes. The axis of sizes is logarithmic; the other one begins at zero.
type panel struct {
	title, x, y string
	lines       []line
}

type line struct {
	name, colour string
	dashes       string
	labelled     bool // whether each point has its value beside it
	grid         *grid
	row          string // the name in the grid
}

// The size of a panel and the position of the diagram in it, in pixels.
const (
	panelWidth, panelHeight = 500, 420
	plotLeft, plotRight     = 60, 470
	plotTop, plotBottom     = 110, 355
)

// plot returns an SVG image of panels side by side. It has a background of its own, so that it is readable on any page.
func plot(panels ...panel) []byte {
	var b bytes.Buffer
	width := panelWidth * len(panels)
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%d" height="%d"`,
		width, panelHeight, width, panelHeight)
	b.WriteString(` font-family="sans-serif" font-size="12" fill="#1f2328">`)
	fmt.Fprintf(&b, "\n<rect width=\"%d\" height=\"%d\" rx=\"8\" fill=\"#ffffff\"/>\n", width, panelHeight)
	for i, p := range panels {
		fmt.Fprintf(&b, "<g transform=\"translate(%d 0)\">\n", i*panelWidth)
		p.draw(&b)
		b.WriteString("</g>\n")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

func (p panel) draw(b *bytes.Buffer) {
	text := func(x, y float64, anchor, more, s string) {
		fmt.Fprintf(b, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\"%s>%s</text>\n", x, y, anchor, more, s)
	}
	sizes, top := map[int]bool{}, 0.0
	for _, l := range p.lines {
		for size, value := range l.grid.cells[l.row] {
			sizes[size], top = true, max(top, value)
		}
	}
	if len(sizes) == 0 {
		return
	}
	inOrder := slices.Sorted(maps.Keys(sizes))
	least, most := inOrder[0], inOrder[len(inOrder)-1]
	step := tick(top)
	top = step * math.Ceil(top/step)
	xOf := func(size int) float64 {
		scale := max(1, math.Log(float64(most)/float64(least)))
		return plotLeft + 20 + (plotRight-plotLeft-40)*math.Log(float64(size)/float64(least))/scale
	}
	yOf := func(y float64) float64 { return plotBottom - (plotBottom-plotTop)*y/top }

	text(plotLeft, 28, "start", ` font-size="15" font-weight="bold"`, p.title)
	text((plotLeft+plotRight)/2, plotBottom+42, "middle", "", p.x)
	for y := 0.0; y <= top+step/2; y += step {
		fmt.Fprintf(b, "<path d=\"M%d %.1fH%d\" stroke=\"#d1d9e0\"/>\n", plotLeft, yOf(y), plotRight)
		text(plotLeft-8, yOf(y)+4, "end", "", fmt.Sprintf("%g %s", math.Round(y*1000)/1000, p.y))
	}
	for _, size := range inOrder {
		text(xOf(size), plotBottom+20, "middle", "", whole(float64(size)))
	}
	for i, l := range p.lines {
		stroke := fmt.Sprintf(` fill="none" stroke=%q stroke-width="2" stroke-dasharray=%q`, l.colour, l.dashes)
		x, y := float64(plotLeft+i%2*270), float64(50+i/2*18)
		fmt.Fprintf(b, "<path d=\"M%.0f %.0fh26\"%s/>\n", x, y, stroke)
		text(x+32, y+4, "start", "", l.name)
		var points []string
		for _, size := range l.grid.sizes(l.row) {
			value := l.grid.cells[l.row][size]
			points = append(points, fmt.Sprintf("%.1f,%.1f", xOf(size), yOf(value)))
			fmt.Fprintf(b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"3.5\" fill=\"%s\"/>\n", xOf(size), yOf(value), l.colour)
			if l.labelled {
				text(xOf(size)+6, yOf(value)-8, "start", "", fmt.Sprintf("%.*f", decimals(value), value))
			}
		}
		fmt.Fprintf(b, "<polyline points=\"%s\"%s/>\n", strings.Join(points, " "), stroke)
	}
}

// tick returns a round number that divides an axis into four to eight parts.
func tick(top float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(top)))
	for _, part := range []float64{0.1, 0.2, 0.5, 1} {
		if top/(power*part) <= 8 {
			return power * part
		}
	}
	return 2 * power
}
