package cli

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/parley-chat/parley/cmd/parley/loadtest"
	"github.com/parley-chat/parley/models"
)

// benchCommand puts load on a running server, and measures what becomes of it.
type benchCommand struct {
	URLs           []string      `name:"url" default:"http://127.0.0.1:8080" placeholder:"URL,…" help:"The server; of a cluster, its nodes: streams and senders are spread over them (default: ${default})."`
	Streams        int           `default:"200" placeholder:"N" help:"How many event streams listen (default: ${default})."`
	Senders        int           `default:"20" placeholder:"N" help:"How many users send, each one message at a time (default: ${default})."`
	Rooms          int           `default:"4" placeholder:"N" help:"How many rooms streams and senders are spread over (default: ${default})."`
	Rate           float64       `default:"100" placeholder:"N" help:"Messages per second, of all senders together; 0 for each as soon as the one before is acknowledged (default: ${default})."`
	Size           int           `default:"200" placeholder:"N" help:"Characters of a message, one byte each (default: ${default})."`
	Duration       time.Duration `default:"10s" placeholder:"DURATION" help:"How long is measured (default: ${default})."`
	WarmUp         time.Duration `default:"3s" placeholder:"DURATION" help:"How long is sent before that (default: ${default})."`
	Wait           time.Duration `default:"10s" placeholder:"DURATION" help:"For how long nothing may arrive, at the end, before what is missing is lost (default: ${default})."`
	StreamsPerUser int           `default:"20" placeholder:"N" help:"How many of the streams are one user's; a server with limits allows 20 (default: ${default})."`
	Keep           bool          `help:"Leave the guests and the rooms there."`
	JSON           bool          `name:"json" help:"Print the report as one JSON object."`
}

// Help is what --help shows above the flags.
func (benchCommand) Help() string {
	return `Guests send messages to rooms of their own, at a steady rate, and event streams listen there. Each message is timed
from the moment when it was due, to its acknowledgement and to its arrival at each stream; each that was acknowledged
has to arrive at each stream of its room once. At the end guests and rooms are removed again.

Raise --streams or --rate until the latency, or the server's CPU, is more than you want. Use a server of its own, with
--rate-limit off: its limits bound what one user and one address may do. Ctrl-C ends it early, with a report.

The exit status is 0 when all that was acknowledged arrived once.`
}

// The bounds of the flags.
const (
	maxStreams  = 1_000_000
	maxSenders  = 100_000
	maxRate     = 1_000_000
	minDuration = 100 * time.Millisecond
	maxDuration = 24 * time.Hour
)

// Validate is called by the command line's parser.
func (c benchCommand) Validate() error {
	for _, address := range c.URLs {
		if u, err := url.Parse(address); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
			return fmt.Errorf("--url must be like http://127.0.0.1:8080, not %q", address)
		}
	}
	for _, n := range []struct {
		flag               string
		value, least, most int
	}{
		{"--streams", c.Streams, 0, maxStreams},
		{"--senders", c.Senders, 1, maxSenders},
		{"--size", c.Size, 1, models.MaxTextLength},
		{"--streams-per-user", c.StreamsPerUser, 1, maxStreams},
	} {
		if n.value < n.least || n.value > n.most {
			return fmt.Errorf("%s must be %d to %d, not %d", n.flag, n.least, n.most, n.value)
		}
	}
	if c.Rooms < 1 || c.Rooms > c.Senders {
		return fmt.Errorf("--rooms must be 1 to %d, the number of --senders: each room has one at least", c.Senders)
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

// Run measures; its error is nil only when messages were acknowledged, and each arrived once wherever it should.
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
	return c.Bench.config(), err
}
