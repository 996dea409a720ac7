package cli

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/parley-chat/parley/cmd/parley/loadtest"
	"github.com/parley-chat/parley/models"
)

// benchCommands are parley bench, which is parley bench load, and parley bench storm.
type benchCommands struct {
	Load  benchCommand `cmd:"" default:"withargs" help:"Send at a steady rate; the default."`
	Storm stormCommand `cmd:"" help:"Drop all streams, send messages, and let all streams come back at once."`
}

// benchCommand puts load on a running server and measures throughput, latency and losses.
type benchCommand struct {
	URLs           []string      `name:"url" default:"http://127.0.0.1:8080" placeholder:"URL,…"`
	Streams        int           `default:"200" placeholder:"N"`
	Senders        int           `default:"20" placeholder:"N"`
	Rooms          int           `default:"4" placeholder:"N"`
	Rate           float64       `default:"100" placeholder:"N"`
	Size           int           `default:"200" placeholder:"N"`
	Duration       time.Duration `default:"10s" placeholder:"DURATION"`
	WarmUp         time.Duration `default:"3s" placeholder:"DURATION"`
	Wait           time.Duration `default:"10s" placeholder:"DURATION"`
	StreamsPerUser int           `default:"20" placeholder:"N"`
	Keep           bool
	JSON           bool `name:"json"`
}

func (benchCommand) helpTexts() helpTexts {
	return helpTexts{
		"url": "The server, or the nodes of a cluster: streams and senders are distributed over them " +
			"(default: ${default}).",
		"streams": "The number of event streams (default: ${default}).",
		"senders": "The number of users who send, each one message at a time (default: ${default}).",
		"rooms":   "The number of rooms that streams and senders are distributed over (default: ${default}).",
		"rate": "Messages per second of all senders together; at 0, each sender sends as soon as its last message is " +
			"acknowledged (default: ${default}).",
		"size":     "The length of a message in characters of one byte (default: ${default}).",
		"duration": "How long to measure (default: ${default}).",
		"warm-up":  "How long to send before measuring starts (default: ${default}).",
		"wait": "At the end, how long to wait without any arrival before missing messages count as lost " +
			"(default: ${default}).",
		"streams-per-user": "The number of streams that one user opens; a server with limits allows 20 " +
			"(default: ${default}).",
		"keep": "Do not remove the guests and the rooms at the end.",
		"json": "Print the report as one JSON object.",
	}
}

// Help returns the text that --help shows above the flags.
func (benchCommand) Help() string {
	return `Guests send messages to rooms of their own at a steady rate, and event streams listen in these rooms.
Each message is timed from the moment when it was due until its acknowledgement, and until its arrival at each stream.
Each acknowledged message must arrive exactly once at each stream of its room. At the end, guests and rooms are removed.

Raise --streams or --rate until the latency, or the server's CPU, is more than you want. Use a separate server with
--rate-limit off: with limits, one user and one address may only do so much. Ctrl-C ends the run early, with a report.

The exit status is 0 when each acknowledged message arrived once.`
}

// The limits of the flags.
const (
	maxStreams  = 1_000_000
	maxSenders  = 100_000
	maxRate     = 1_000_000
	minDuration = 100 * time.Millisecond
	maxDuration = 24 * time.Hour
)

// flagRange is a flag with a number, and the range that it must be in.
type flagRange struct {
	flag               string
	value, least, most int
}

// checkBench checks what both kinds of parley bench have: addresses of servers, and flags with a range.
func checkBench(addresses []string, ranges ...flagRange) error {
	if len(addresses) == 0 {
		addresses = []string{""} // --url with an empty value
	}
	for _, address := range addresses {
		if err := checkURL("url", address); err != nil {
			return err
		}
	}
	for _, n := range ranges {
		if n.value < n.least || n.value > n.most {
			return fmt.Errorf("%s must be %d to %d, not %d", n.flag, n.least, n.most, n.value)
		}
	}
	return nil
}

// Validate checks the ranges of the flags; kong calls it.
func (c benchCommand) Validate() error {
	err := checkBench(c.URLs,
		flagRange{"--streams", c.Streams, 0, maxStreams},
		flagRange{"--senders", c.Senders, 1, maxSenders},
		flagRange{"--size", c.Size, 1, models.MaxTextLength},
		flagRange{"--streams-per-user", c.StreamsPerUser, 1, maxStreams},
	)
	if err != nil {
		return err
	}
	if c.Rooms < 1 || c.Rooms > c.Senders {
		return fmt.Errorf("--rooms must be 1 to %d, the number of --senders: each room needs at least one", c.Senders)
	}
	if !(c.Rate >= 0 && c.Rate <= maxRate) {
		return fmt.Errorf("--rate must be 0 to %d messages per second", maxRate)
	}
	if c.Duration < minDuration || c.Duration > maxDuration {
		return fmt.Errorf("--duration must be %v to %v", minDuration, maxDuration)
	}
	if c.WarmUp < 0 || c.WarmUp > maxDuration || c.Wait < 0 || c.Wait > maxDuration {
		return fmt.Errorf("--warm-up and --wait must be 0s to %v", maxDuration)
	}
	return nil
}

// Run measures. Its error is nil only if messages were acknowledged, and each of them arrived exactly once at each
// stream of its room.
func (c benchCommand) Run(ctx context.Context) error {
	return loadtest.Run(ctx, c.config(), os.Stdout, os.Stderr)
}

func (c benchCommand) config() loadtest.Config {
	return loadtest.Config{
		URLs:           c.URLs,
		Streams:        c.Streams,
		Senders:        c.Senders,
		Rooms:          c.Rooms,
		Rate:           c.Rate,
		Size:           c.Size,
		Duration:       c.Duration,
		WarmUp:         c.WarmUp,
		Wait:           c.Wait,
		StreamsPerUser: c.StreamsPerUser,
		Keep:           c.Keep,
		JSON:           c.JSON,
	}
}

// LoadTestConfig returns the configuration of parley bench with these flags. It is for the tests.
func LoadTestConfig(args ...string) (loadtest.Config, error) {
	c, err := parse(append([]string{"bench"}, args...))
	return c.Bench.Load.config(), err
}
