package remote

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

// plainInterval is between the lines where they are not rewritten.
const plainInterval = 5 * time.Second

// Progress shows a line about a run while it goes on: rewritten in place on a terminal, a new one every few seconds
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
	p := &Progress{out: out, live: isFile && isatty.IsTerminal(file.Fd()), every: every, line: line, end: make(chan struct{})}
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
				// Not wrapped where the terminal is narrow: only the last part would be rewritten.
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

// Stop takes the line away.
func (p *Progress) Stop() {
	close(p.end)
	p.gone.Wait()
}

// PerSecond is n in d, per second; 0 for no time.
func PerSecond(n int64, d time.Duration) float64 { return float64(n) / max(d.Seconds(), 1e-3) }
