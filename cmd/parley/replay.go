package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-chat/parley/models"
)

// liveInterval is how often the line about the run is rewritten.
const liveInterval = 250 * time.Millisecond

// replayCmd plays chat logs through a running server and then checks that all of it is there.
type replayCmd struct {
	Files    []string `arg:"" name:"file" type:"existingfile" help:"Chat logs: lines such as \"[12:34] <nick> text\" and \"=== nick has joined #channel\"."`
	URL      string   `name:"url" default:"http://127.0.0.1:8080" placeholder:"URL" help:"The server (default: ${default})."`
	Parallel int      `default:"8" placeholder:"N" help:"How many logs are played at a time (default: ${default})."`
	Readers  int      `default:"4" placeholder:"N" help:"How many streams read along, cut off at random and coming back (default: ${default})."`
}

// Validate is called by the command line's parser.
func (c replayCmd) Validate() error {
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
func (c replayCmd) Run(ctx context.Context) error {
	return c.replay(ctx, os.Stdout, os.Stderr)
}

func (c replayCmd) replay(ctx context.Context, out, progress io.Writer) error {
	run := c.newRun()
	defer run.client.close()
	for _, path := range c.Files {
		l, err := readReplayFile(path)
		if err != nil {
			return err
		}
		run.rooms = append(run.rooms, &replayRoom{run: run, log: l, here: map[string]*remoteGuest{}})
		run.total += int64(l.messages)
		run.tally.add(l.tally)
	}
	err := run.signIn(ctx)
	if err == nil {
		shown := startProgress(progress, liveInterval, run.status)
		err = run.all(ctx)
		shown.stop()
	}
	run.report.write(out)
	if err == nil {
		err = run.summary(out)
	}
	if ctx.Err() != nil {
		return errors.New("interrupted before everything was compared")
	}
	if n := run.report.differences(); n > 0 {
		err = errors.Join(err, fmt.Errorf("differences: %d", n))
	}
	return err
}

// replayRun is one run, and what its parts share.
type replayRun struct {
	client   *remoteClient
	report   *replayReport
	guests   *replayGuests
	parallel int
	rooms    []*replayRoom
	total    int64 // messages
	tally    replayTally

	logger      *remoteGuest // who makes the rooms, and reads back
	readers     []*replayReader
	readerCount int
	before      string // the log's cursor before the first room was made

	phase   atomic.Pointer[string]
	began   time.Time    // when the logger and the readers were there
	playing atomic.Int64 // how long the playing took, in nanoseconds; 0 before its end
	counts  replayCounts
}

// replayCounts is what has been done so far.
type replayCounts struct {
	messages, joins, joinedAgain, leaves, passedOver atomic.Int64
	played, compared, logEvents                      atomic.Int64
}

func (c replayCmd) newRun() *replayRun {
	run := &replayRun{
		client: newRemoteClient(c.URL, c.Parallel+c.Readers), report: &replayReport{},
		parallel: c.Parallel, readerCount: c.Readers,
	}
	run.guests = newReplayGuests(run.client, run.report)
	run.enterPhase("starting")
	return run
}

// all is the whole run. An error means that it could not be carried through; differences go into the report.
func (run *replayRun) all(ctx context.Context) error {
	ctx, endReading := context.WithCancel(ctx)
	var reading sync.WaitGroup
	defer reading.Wait()
	defer endReading()
	for _, r := range run.readers {
		reading.Go(func() { r.follow(ctx) })
	}
	for _, r := range run.readers {
		if err := r.awaitStart(ctx); err != nil {
			return err
		}
	}

	run.enterPhase("playing")
	err := run.eachRoom(ctx, func(ctx context.Context, room *replayRoom) error {
		if err := room.play(ctx); err != nil {
			return err
		}
		run.counts.played.Add(1)
		return nil
	})
	run.playing.Store(int64(time.Since(run.began)))
	if err != nil {
		return err
	}
	run.enterPhase("waiting for the readers")
	for _, r := range run.readers {
		if err := r.awaitEnd(ctx); err != nil {
			return err
		}
		r.walk.finish()
	}
	run.enterPhase("comparing the rooms")
	if err := run.eachRoom(ctx, func(ctx context.Context, room *replayRoom) error { return room.compare(ctx) }); err != nil {
		return err
	}
	run.enterPhase("comparing the log")
	return run.compareLog(ctx)
}

// signIn makes the logger and the readers, and takes the cursor from which the log is read back.
func (run *replayRun) signIn(ctx context.Context) error {
	var err error
	if run.logger, err = run.guests.signIn(ctx, "the logger"); err != nil {
		return err
	}
	for i := range run.readerCount {
		name := fmt.Sprintf("reader %d", i+1)
		guest, err := run.guests.signIn(ctx, name)
		if err != nil {
			return err
		}
		run.readers = append(run.readers, newReplayReader(run, name, guest))
	}
	header, err := run.logger.do(ctx, remoteCall{method: http.MethodGet, path: "/v1/rooms?limit=1"})
	if err != nil {
		return err
	}
	if run.before = header.Get("Event-Cursor"); run.before == "" {
		return errors.New("GET /v1/rooms answered no Event-Cursor")
	}
	run.began = time.Now()
	return nil
}

// eachRoom does something with every room, some at a time. The first error ends it.
func (run *replayRun) eachRoom(ctx context.Context, do func(context.Context, *replayRoom) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(run.parallel)
	for _, room := range run.rooms {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err // of another room: that one is returned
			}
			return do(ctx, room)
		})
	}
	return group.Wait()
}

func (run *replayRun) enterPhase(name string) { run.phase.Store(&name) }
