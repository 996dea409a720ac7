package cli

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/parley-chat/parley/cmd/parley/replay"
	"github.com/parley-chat/parley/models"
)

// replayCommand sends chat logs to a running server and then checks that everything arrived.
type replayCommand struct {
	Files    []string `arg:"" name:"file" type:"existingfile"`
	URL      string   `name:"url" default:"http://127.0.0.1:8080" placeholder:"URL"`
	Parallel int      `default:"8" placeholder:"N"`
	Readers  int      `default:"4" placeholder:"N"`
}

func (replayCommand) helpTexts() helpTexts {
	return helpTexts{
		"file":     `Chat logs: lines such as "[12:34] <nick> text" and "=== nick has joined #channel".`,
		"url":      "The server (default: ${default}).",
		"parallel": "The number of logs that are sent at a time (default: ${default}).",
		"readers":  "The number of streams that read along; they are cut off at random and resume (default: ${default}).",
	}
}

// Validate checks the flags; kong calls it.
func (c replayCommand) Validate() error {
	if err := checkURL("url", c.URL); err != nil {
		return err
	}
	// A reader's stream is opened in all rooms of the logs that are being sent.
	if c.Parallel < 1 || c.Parallel > models.MaxRoomsEnteredAtOpen {
		return fmt.Errorf("--parallel must be 1 to %d", models.MaxRoomsEnteredAtOpen)
	}
	if c.Readers < 0 {
		return errors.New("--readers must not be negative")
	}
	return nil
}

// Run sends the logs. Its error is nil only if everything was compared and is equal.
func (c replayCommand) Run(ctx context.Context) error {
	config := replay.Config{Files: c.Files, URL: c.URL, Parallel: c.Parallel, Readers: c.Readers}
	return replay.Run(ctx, config, os.Stdout, os.Stderr)
}
