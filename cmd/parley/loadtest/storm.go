package loadtest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/cmd/parley/remote"
)

const (
	// stormLook is how often the server's memory is read while the streams come back.
	stormLook = 200 * time.Millisecond
	// restartTime is how long the server may take until it is ready again after its restart.
	restartTime = 5 * time.Minute
	// maxPrinted is how much of what the command printed is shown, in bytes.
	maxPrinted = 4096
	// readyPoll is how often the server is asked whether it is ready again.
	readyPoll = 50 * time.Millisecond
)

// StormConfig configures a storm. The values must be within the limits of the flags of parley bench storm.
type StormConfig struct {
	URLs           []string      // the server, or the nodes of a cluster
	Streams        int           // the number of event streams
	Rooms          int           // that the streams are distributed over
	Missed         int           // messages in each room while all streams are away
	Size           int           // the length of a message in characters of one byte
	Wait           time.Duration // without any arrival until a stream that has not everything counts as failed
	StreamsPerUser int           // the number of streams that one user opens
	Restart        string        // a shell command that restarts the server; "" to drop the streams only
	Keep           bool          // do not remove the guests and the rooms at the end
	JSON           bool          // print the report as one JSON object
}

// storm is the state of a run with a storm. Each room has one sender, its owner.
type storm struct {
	*run
	config  StormConfig
	opened  atomic.Int64 // when all streams came back at once
	ready   *latencies
	caught  *latencies
	refused atomic.Int64
	arrived atomic.Int64 // reads and openings, to notice that nothing happens any more
	left    atomic.Int64 // streams that have not everything yet
}

// Storm opens streams on a running server, drops all of them, sends messages, and lets all streams come back at once.
// It writes the report to out, and progress to progress. Its error is nil only if each stream got each message that it
// had missed, once.
func Storm(ctx context.Context, c StormConfig, out, progress io.Writer) error {
	load := Config{
		URLs: c.URLs, Streams: c.Streams, Senders: c.Rooms, Rooms: c.Rooms, Size: c.Size, Wait: c.Wait,
		StreamsPerUser: c.StreamsPerUser, Keep: c.Keep, JSON: c.JSON,
	}
	if err := load.enoughFiles(); err != nil {
		return err
	}
	s := &storm{run: load.newRun(), config: c, ready: newLatencies(), caught: newLatencies()}
	defer s.close()
	shown := remote.StartProgress(progress, time.Second, s.status)
	report, err := s.measure(ctx)
	shown.Stop()
	switch {
	case ctx.Err() != nil:
		err = errors.New("interrupted before everything was measured")
	case err == nil:
		err = errors.Join(c.print(report, out), report.failure())
	}
	s.cleanUp(ctx, progress)
	return err
}

// measure prepares the streams and lets them come back.
func (s *storm) measure(ctx context.Context) (StormReport, error) {
	err := s.prepare(ctx)
	s.endStreams()
	if err != nil {
		return StormReport{}, err
	}
	idle := s.server.with
	if err := s.restart(ctx); err != nil {
		return StormReport{}, err
	}
	if err := s.sendMissed(ctx); err != nil {
		return StormReport{}, err
	}
	s.server = newServerWatch(s.nodes) // of the new process
	s.server.begin(ctx)
	own := ownUse()
	s.comeBack(ctx)
	s.own = ownUse().since(own)
	return s.report(idle), nil
}

// restart runs the command that restarts the server, and waits until all servers are ready.
func (s *storm) restart(ctx context.Context) error {
	if s.config.Restart == "" {
		return nil
	}
	stage := s.enterStage("restarting the server", len(s.nodes))
	ctx, cancel := context.WithTimeout(ctx, restartTime)
	defer cancel()
	if err := runShell(ctx, s.config.Restart); err != nil {
		return fmt.Errorf("--restart: %w", err)
	}
	for _, node := range s.nodes {
		for !isReady(ctx, node) {
			if err := remote.Wait(ctx, readyPoll); err != nil {
				return fmt.Errorf("%s is not ready after its restart: %w", node.Base, err)
			}
		}
		stage.done.Add(1)
	}
	return nil
}

// runShell runs a shell command. Its error has what the command printed. That goes to a file and not to a pipe: a
// server that the command starts in the background keeps it open, and the wait for a pipe would not end before it.
func runShell(ctx context.Context, command string) error {
	output, err := os.CreateTemp("", "parley-restart-*.log")
	if err != nil {
		return err
	}
	defer func() {
		_ = output.Close()
		_ = os.Remove(output.Name())
	}()
	shell := exec.CommandContext(ctx, "sh", "-c", command) //nolint:gosec // it is the user's own command
	shell.Stdout, shell.Stderr = output, output
	err = shell.Run()
	printed, _ := io.ReadAll(io.NewSectionReader(output, 0, maxPrinted))
	if text := bytes.TrimSpace(printed); err != nil && len(text) > 0 {
		return fmt.Errorf("%w: %s", err, text)
	}
	return err
}

func isReady(ctx context.Context, node *remote.Client) bool {
	_, err := node.DoOnce(ctx, remote.Call{Method: http.MethodGet, Path: "/readyz"}, nil)
	return err == nil
}

// sendMissed sends the messages of all rooms while no stream is open.
func (s *storm) sendMissed(ctx context.Context) error {
	progress := s.enterStage("sending messages that the streams miss", s.config.Missed*len(s.senders))
	return inParallel(ctx, &stage{}, len(s.senders), func(ctx context.Context, i int) error {
		for range s.config.Missed {
			err := s.senders[i].sendOne(ctx, s.now())
			for ; err != nil; err = s.senders[i].sendOne(ctx, s.now()) {
				if err := s.senders[i].rest(ctx, err); err != nil {
					return err
				}
			}
			progress.done.Add(1)
		}
		return nil
	})
}

// comeBack opens all streams again at the same time, and waits until each has everything, or nothing arrives any more.
func (s *storm) comeBack(ctx context.Context) {
	s.left.Store(int64(len(s.streams)))
	ctx, end := context.WithCancel(ctx)
	defer end()
	gate := make(chan struct{})
	var returning sync.WaitGroup
	for _, stream := range s.streams {
		returning.Go(func() {
			<-gate
			if s.catchUp(ctx, stream) {
				s.left.Add(-1)
			}
		})
	}
	s.opened.Store(int64(s.now()))
	s.enterStage("the streams come back", 0)
	close(gate)
	looks := time.NewTicker(stormLook)
	defer looks.Stop()
	for before, stuck := int64(-1), time.Now(); s.left.Load() > 0 && ctx.Err() == nil; <-looks.C {
		if now := s.arrived.Load(); now != before {
			before, stuck = now, time.Now()
		}
		if time.Since(stuck) > s.config.Wait {
			break
		}
		s.server.look(ctx)
	}
	s.server.end(ctx)
	end()
	returning.Wait()
}

// status returns the progress line.
func (s *storm) status() string {
	stage := s.stage.Load()
	if stage.total == 0 && s.opened.Load() > 0 {
		return fmt.Sprintf("%s: %d of %d have everything", stage.name, int64(len(s.streams))-s.left.Load(), len(s.streams))
	}
	return stage.String()
}

// catchUp opens a stream until that works, and reads until it has every message of its room. All streams stay open
// until the last one has everything.
func (s *storm) catchUp(ctx context.Context, stream *eventStream) (whole bool) {
	for pause := remote.MinRetryPause; ; pause = min(2*pause, remote.MaxRetryPause) {
		err := s.resume(ctx, stream)
		if err == nil {
			s.caught.record(s.sinceReturn())
			return true
		}
		if ctx.Err() != nil {
			return false
		}
		s.refused.Add(1)
		s.errors.add("stream", err)
		if remote.Wait(ctx, max(pause/2+rand.N(pause), remote.RetryAfter(err))) != nil {
			return false
		}
	}
}

// resume opens a stream once, and reads until it has every message of its room. An error ends the stream.
func (s *storm) resume(ctx context.Context, stream *eventStream) error {
	if err := stream.open(ctx); err != nil {
		return err
	}
	for first := true; ; first = false {
		if err := stream.read(); err != nil {
			stream.lean.close()
			return remote.LostError{Err: err}
		}
		s.arrived.Add(1)
		if first {
			s.ready.record(s.sinceReturn())
		}
		if stream.lacks() == 0 {
			return nil
		}
	}
}

// sinceReturn returns the time since all streams came back.
func (s *storm) sinceReturn() time.Duration { return s.now() - time.Duration(s.opened.Load()) }

// lacks returns how many acknowledged messages of its room the stream has not received.
func (s *eventStream) lacks() int64 {
	s.room.mu.Lock()
	defer s.room.mu.Unlock()
	s.group.mu.Lock()
	defer s.group.mu.Unlock()
	return s.seen.lacks(&s.room.acked)
}

func (c StormConfig) print(report StormReport, out io.Writer) error {
	if !c.JSON {
		return report.WriteText(out)
	}
	encoder := json.NewEncoder(out)
	encoder.SetIndent("", "  ")
	return encoder.Encode(report)
}
