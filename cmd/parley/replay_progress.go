package main

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"github.com/mattn/go-isatty"
)

const (
	liveInterval  = 250 * time.Millisecond
	plainInterval = 5 * time.Second
)

// replayProgress shows a line about the run while it goes on: rewritten in place on a terminal, a new one every few
// seconds elsewhere.
type replayProgress struct {
	out  io.Writer
	live bool
	line func() string
	end  chan struct{}
	gone sync.WaitGroup
}

func startReplayProgress(out io.Writer, line func() string) *replayProgress {
	file, isFile := out.(*os.File)
	p := &replayProgress{out: out, live: isFile && isatty.IsTerminal(file.Fd()), line: line, end: make(chan struct{})}
	p.gone.Go(p.show)
	return p
}

func (p *replayProgress) show() {
	interval := plainInterval
	if p.live {
		interval = liveInterval
	}
	ticks := time.NewTicker(interval)
	defer ticks.Stop()
	for {
		select {
		case <-ticks.C:
			if p.live {
				fmt.Fprint(p.out, "\r\x1b[K"+p.line())
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

// stop takes the line away.
func (p *replayProgress) stop() {
	close(p.end)
	p.gone.Wait()
}
