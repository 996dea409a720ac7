// Package loadtest is what parley bench does: it puts load on a running server and measures what becomes of it.
package loadtest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

// Config is what a run does. Its values have to be in the bounds of the flags of parley bench.
type Config struct {
	URLs           []string      // of the server, or of a cluster's nodes: streams and senders are spread over them
	Streams        int           // how many event streams listen
	Senders        int           // how many users send, each one message at a time
	Rooms          int           // how many rooms streams and senders are spread over; no more than there are senders
	Rate           float64       // messages per second, of all senders together; 0 for each as soon as the one before is acknowledged
	Size           int           // characters of a message, one byte each
	Duration       time.Duration // how long is measured
	WarmUp         time.Duration // how long is sent before that
	Wait           time.Duration // for how long nothing may arrive, at the end, before what is missing is lost
	StreamsPerUser int           // how many of the streams are one user's
	Keep           bool          // leave the guests and the rooms there
	JSON           bool          // print the report as one JSON object
}

// Run puts load on a running server, and measures what becomes of it. It prints the report to out, and whatever else
// there is to say to progress. Its error is nil only when messages were acknowledged, and each arrived once wherever it
// should.
func Run(ctx context.Context, c Config, out, progress io.Writer) error {
	if err := c.enoughFiles(); err != nil {
		return err
	}
	run := c.newRun()
	defer run.close()
	shown := remote.StartProgress(progress, time.Second, run.status)
	err := run.prepare(ctx)
	if err == nil {
		run.measure(ctx)
	}
	run.endStreams()
	shown.Stop()
	if err != nil {
		if ctx.Err() != nil {
			err = errors.New("interrupted before anything was measured")
		}
	} else {
		err = c.conclude(run.report(), out)
	}
	run.cleanUp(ctx, progress)
	return err
}

func (c Config) conclude(report Report, out io.Writer) error {
	var err error
	if c.JSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(report)
	} else {
		err = report.WriteText(out)
	}
	return errors.Join(err, report.failure())
}

// enoughFiles tells of a limit on open files that a run would meet. Go has raised it as far as it may.
func (c Config) enoughFiles() error {
	// A timer and a connection for each sender, and what a program has open anyhow.
	needed := uint64(c.Streams + 2*c.Senders + 2*maxParallel + 50)
	if limit := openFileLimit(); limit < needed {
		return fmt.Errorf("this needs %d open files, and may have %d: raise the limit (ulimit -n %d), or use fewer --streams", needed, limit, needed)
	}
	return nil
}
