package cli

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/parley-chat/parley/cmd/parley/replay"
	"github.com/parley-chat/parley/models"
)

// replayCommand plays chat logs through a running server and then checks that all of it is there.
type replayCommand struct {
	Files    []string `arg:"" name:"file" type:"existingfile" help:"Chat logs: lines such as \"[12:34] <nick> text\" and \"=== nick has joined #channel\"."`
	URL      string   `name:"url" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server (default: ${default})."`
	Parallel int      `default:"8" placeholder:"N" help:"How many logs are played at a time (default: ${default})."`
	Readers  int      `default:"4" placeholder:"N" help:"How many streams read along, cut off at random and coming back (default: ${default})."`
}

// Validate is called by the command line's parser.
func (c replayCommand) Validate() error {
	if u, err := url.Parse(c.URL); err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" {
		return fmt.Errorf("--url must be like http://127.0.0.1:8080, not %q", c.URL)
	}
	// A reader's stream is opened in all rooms that are being played.
	if c.Parallel < 1 || c.Parallel > models.MaxRoomsEnteredAtOpen {
		return fmt.Errorf("--parallel must be 1 to %d", models.MaxRoomsEnteredAtOpen)
	}
	if c.Readers < 0 {
		return errors.New("--readers must not be negative")
	}
	return nil
}

// Run plays the logs; its error is nil only when everything was compared and found equal.
func (c replayCommand) Run(ctx context.Context) error {
	return replay.Run(ctx, replay.Config{Files: c.Files, URL: c.URL, Parallel: c.Parallel, Readers: c.Readers}, os.Stdout, os.Stderr)
}
