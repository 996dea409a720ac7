package remote

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

// plainInterval is the time between lines when the output is not a terminal.
const plainInterval = 5 * time.Second

// Progress shows the state of a run: a line that is rewritten in place on a terminal, and a new line every few seconds
// elsewhere.
type Progress struct {
	out   io.Writer
	live  bool
	every time.Duration // on a terminal
	line  func() string
	end   chan struct{}
	gone  sync.WaitGroup
}

// StartProgress shows what line returns until Stop: rewritten at that interval on a terminal, and otherwise every few
// seconds.
func StartProgress(out io.Writer, every time.Duration, line func() string) *Progress {
	file, isFile := out.(*os.File)
	p := &Progress{out: out, every: every, line: line, end: make(chan struct{})}
	p.live = isFile && isatty.IsTerminal(file.Fd())
	p.gone.Go(p.show)
	return p
}

func (p *Progress) show() {
	interval := plainInterval
	if p.live {
		interval = p.every
	}
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			if p.live {
				// Without wrapping: in a narrow terminal, only the last part of a wrapped line would be rewritten.
				fmt.Fprint(p.out, "\r\x1b[K\x1b[?7l"+p.line()+"\x1b[?7h")
			} else {
				fmt.Fprintln(p.out, p.line())
			}
		case <-p.end:
			if p.live {
				fmt.Fprint(p.out, "\r\x1b[K")
			}
			return
		}
	}
}

// Stop removes the line.
func (p *Progress) Stop() {
	close(p.end)
	p.gone.Wait()
}

// PerSecond returns n divided by d in seconds; a d below a millisecond counts as one.
func PerSecond(n int64, d time.Duration) float64 { return float64(n) / max(d.Seconds(), 1e-3) }
