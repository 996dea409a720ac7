// Package loadtest implements parley bench: it puts load on a running server, measures throughput and latency, and
// checks that all messages arrive.
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

// Config configures a run. The values must be within the limits of the flags of parley bench.
type Config struct {
	URLs           []string      // the server, or the nodes of a cluster, over which streams and senders are distributed
	Streams        int           // the number of event streams
	Senders        int           // the number of users who send, each one message at a time
	Rooms          int           // the number of rooms; at most the number of senders
	Rate           float64       // messages per second of all senders together; 0: send again once acknowledged
	Size           int           // the length of a message in characters of one byte
	Duration       time.Duration // how long to measure
	WarmUp         time.Duration // how long to send before measuring starts
	Wait           time.Duration // at the end, how long without any arrival until missing messages count as lost
	StreamsPerUser int           // the number of streams that one user opens
	Keep           bool          // do not remove the guests and the rooms at the end
	JSON           bool          // print the report as one JSON object
}

// Run puts load on a running server and measures. It writes the report to out, and progress and other messages to
// progress. Its error is nil only if messages were acknowledged, and each of them arrived exactly once at each stream
// of its room.
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

// enoughFiles returns an error if the limit on open files is too low for the run. Go has already raised the soft limit.
func (c Config) enoughFiles() error {
	// A timer and a connection for each sender, and 50 for the program itself.
	needed := uint64(c.Streams + 2*c.Senders + 2*maxParallel + 50)
	if limit := openFileLimit(); limit < needed {
		return fmt.Errorf("the run needs %d open files, but the limit is %d: raise the limit (ulimit -n %d), "+
			"or use fewer --streams", needed, limit, needed)
	}
	return nil
}
