package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/parley-chat/parley/cmd/parley/loadtest"
	"github.com/parley-chat/parley/models"
)

// stormCommand measures how a running server takes a storm: all its streams come back at the same moment.
type stormCommand struct {
	URLs           []string      `name:"url" default:"http://127.0.0.1:8080" placeholder:"URL,…"`
	Streams        int           `default:"1000" placeholder:"N"`
	Rooms          int           `default:"10" placeholder:"N"`
	Missed         int           `default:"100" placeholder:"N"`
	Size           int           `default:"200" placeholder:"N"`
	Wait           time.Duration `default:"30s" placeholder:"DURATION"`
	StreamsPerUser int           `default:"10" placeholder:"N"`
	Restart        string        `placeholder:"COMMAND"`
	Keep           bool
	JSON           bool `name:"json"`
}

func (stormCommand) helpTexts() helpTexts {
	return helpTexts{
		"url":     "The server, or the nodes of a cluster: streams are distributed over them (default: ${default}).",
		"streams": "The number of event streams (default: ${default}).",
		"rooms":   "The number of rooms that the streams are distributed over (default: ${default}).",
		"missed":  "The number of messages in each room while all streams are away (default: ${default}).",
		"size":    "The length of a message in characters of one byte (default: ${default}).",
		"wait": "How long to wait without any arrival before a stream that has not everything counts as failed " +
			"(default: ${default}).",
		"streams-per-user": "The number of streams that one user opens; a server with limits allows 20 " +
			"(default: ${default}).",
		"restart": "A shell command that restarts the server while all streams are away, such as " +
			"\"systemctl restart parley\". Without it the streams are dropped, and the server runs on.",
		"keep": "Do not remove the guests and the rooms at the end.",
		"json": "Print the report as one JSON object.",
	}
}

// Help returns the text that --help shows above the flags.
func (stormCommand) Help() string {
	return `After a restart, all clients come back at the same moment. This command makes such a storm: it opens event
streams of guests in rooms of their own, drops all of them at once, sends messages that they miss, and lets all of them
come back with Last-Event-ID. Each stream must get each message that it missed exactly once. The report says how long it
took until each stream was ready and had everything, how many tries failed, and what the server needed for it. At the
end, guests and rooms are removed.

Use a separate server with --rate-limit off, and raise the limit of open files (ulimit -n) on both sides: each stream
needs one, and two while it opens. With --restart, the storm is that of a real restart.

The exit status is 0 when each stream got each message once.`
}

// maxMissed is the most that --missed may be.
const maxMissed = 100_000

// Validate checks the ranges of the flags; kong calls it.
func (c stormCommand) Validate() error {
	err := checkBench(c.URLs,
		flagRange{"--streams", c.Streams, 1, maxStreams},
		flagRange{"--rooms", c.Rooms, 1, maxSenders},
		flagRange{"--missed", c.Missed, 1, maxMissed},
		flagRange{"--size", c.Size, 1, models.MaxTextLength},
		flagRange{"--streams-per-user", c.StreamsPerUser, 1, maxStreams},
	)
	if err != nil {
		return err
	}
	if c.Wait <= 0 || c.Wait > maxDuration {
		return fmt.Errorf("--wait must be more than 0s, and up to %v", maxDuration)
	}
	return nil
}

// Run measures. Its error is nil only if each stream got each message that it had missed, once.
func (c stormCommand) Run(ctx context.Context) error {
	return loadtest.Storm(ctx, c.config(), os.Stdout, os.Stderr)
}

func (c stormCommand) config() loadtest.StormConfig { return loadtest.StormConfig(c) }

// StormConfig returns the configuration of parley bench storm with these flags. It is for the tests.
func StormConfig(args ...string) (loadtest.StormConfig, error) {
	c, err := parse(append([]string{"bench", "storm"}, args...))
	return c.Bench.Storm.config(), err
}
