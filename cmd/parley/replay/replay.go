// Package replay implements parley replay: it sends chat logs to a running server and checks that all of their messages
// arrived.
package replay

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

// liveInterval is how often the progress line is rewritten.
const liveInterval = 250 * time.Millisecond

// Config configures a run.
type Config struct {
	Files    []string // chat logs
	URL      string   // of the server
	Parallel int      // how many logs are sent at a time; 1 to models.MaxRoomsEnteredAtOpen
	Readers  int      // how many streams read along; they are cut off at random and resume
}

// Run sends chat logs to a running server and then checks that everything arrived. It writes the differences and a
// summary to out, and its progress to progress. Its error is nil only if everything was compared and is equal.
func Run(ctx context.Context, c Config, out, progress io.Writer) error {
	run := c.newRun()
	defer run.client.Close()
	for _, path := range c.Files {
		l, err := readLogFile(path)
		if err != nil {
			return err
		}
		run.rooms = append(run.rooms, &room{run: run, log: l, present: map[string]*remote.Guest{}})
		run.total += int64(l.messages)
		run.tally.add(l.tally)
	}
	err := run.signIn(ctx)
	if err == nil {
		shown := remote.StartProgress(progress, liveInterval, run.status)
		err = run.all(ctx)
		shown.Stop()
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

// run is the state of one run.
type run struct {
	client   *remote.Client
	report   *report
	guests   *guests
	parallel int
	rooms    []*room
	total    int64 // messages
	tally    tally

	logger      *remote.Guest // the guest who creates the rooms and reads them back
	readers     []*reader
	readerCount int
	before      string // the log's cursor before the first room was created

	phase   atomic.Pointer[string]
	began   time.Time    // when the logger and the readers were signed in
	playing atomic.Int64 // how long sending the logs took, in nanoseconds; 0 before its end
	counts  counts
}

// counts holds the numbers of what the run has done so far.
type counts struct {
	messages, joins, joinedAgain, leaves, passedOver atomic.Int64
	played, compared, logEvents                      atomic.Int64
}

func (c Config) newRun() *run {
	run := &run{
		client: remote.NewClient(c.URL, c.Parallel+c.Readers), report: &report{},
		parallel: c.Parallel, readerCount: c.Readers,
	}
	run.guests = newGuests(run.client, run.report)
	run.enterPhase("starting")
	return run
}

// all does the whole run. An error means that it could not be completed; differences are in the report.
func (run *run) all(ctx context.Context) error {
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

	run.enterPhase("sending")
	err := run.eachRoom(ctx, func(ctx context.Context, room *room) error {
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
		r.check.finish()
	}
	run.enterPhase("comparing the rooms")
	if err := run.eachRoom(ctx, func(ctx context.Context, room *room) error { return room.compare(ctx) }); err != nil {
		return err
	}
	run.enterPhase("comparing the log")
	return run.compareLog(ctx)
}

// signIn signs in the logger and the readers, and gets the cursor from which the log is read back.
func (run *run) signIn(ctx context.Context) error {
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
		run.readers = append(run.readers, newReader(run, name, guest))
	}
	header, err := run.logger.Do(ctx, remote.Call{Method: http.MethodGet, Path: "/v1/rooms?limit=1"})
	if err != nil {
		return err
	}
	if run.before = header.Get("Event-Cursor"); run.before == "" {
		return errors.New("the response to GET /v1/rooms has no Event-Cursor")
	}
	run.began = time.Now()
	return nil
}

// eachRoom calls do with every room, up to run.parallel at a time. The first error ends it.
func (run *run) eachRoom(ctx context.Context, do func(context.Context, *room) error) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(run.parallel)
	for _, room := range run.rooms {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err // another room failed, and its error is returned
			}
			return do(ctx, room)
		})
	}
	return group.Wait()
}

func (run *run) enterPhase(name string) { run.phase.Store(&name) }
