package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/parley-chat/parley/models"
)

// A reader's connection is cut at random: within this time after it opened, or after so many events.
const (
	shortestReading = 200 * time.Millisecond
	longestReading  = 800 * time.Millisecond
	mostEventsRead  = 2000
)

// replayReader is a member of every room who reads along on an event stream. Its connection is cut again and again, and
// each time it comes back with the last id that it has seen: nothing may be missing, and nothing may come twice.
type replayReader struct {
	name  string
	run   *replayRun
	guest *remoteGuest
	walk  *replayWalk

	mu       sync.Mutex
	rooms    map[int64]bool // those being played, which the stream is in
	streamID string

	lastID     string // of follow's goroutine alone
	started    chan struct{}
	start      sync.Once
	moved      chan struct{} // has a value when something came
	done       chan struct{} // closed when follow has ended
	reconnects atomic.Int64
}

func newReplayReader(run *replayRun, name string, guest *remoteGuest) *replayReader {
	return &replayReader{
		name: name, run: run, guest: guest, walk: newReplayWalk(name, run.report), rooms: map[int64]bool{},
		started: make(chan struct{}), moved: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// enter makes the reader a member of a room and takes its stream into it.
func (r *replayReader) enter(ctx context.Context, room *replayRoom) error {
	_, place := room.timeline.add(replayEvent{name: models.EventMemberJoined, user: &r.guest.ref})
	r.walk.enter(room, place)
	if err := room.requestJoin(ctx, r.guest); err != nil {
		return err
	}
	r.mu.Lock()
	r.rooms[room.id] = true // from now on each new stream is in the room; the one that is open is taken there
	streamID := r.streamID
	r.mu.Unlock()
	_, err := r.guest.do(ctx, remoteCall{method: http.MethodPut, path: room.path("/presence/" + streamID)})
	if isCode(err, models.CodeNotFound) { // cut off meanwhile
		return nil
	}
	return err
}

// exit leaves a room that was played: the reader stays its member, but its next stream is not in it.
func (r *replayReader) exit(room *replayRoom) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.rooms, room.id)
}

// follow reads until ctx ends, or until no stream opens any more.
func (r *replayReader) follow(ctx context.Context) {
	defer close(r.done)
	pause := firstPause
	giveUp := time.Now().Add(remotePatience)
	for ctx.Err() == nil {
		err := r.readOnce(ctx)
		if err == nil {
			pause = firstPause
			giveUp = time.Now().Add(remotePatience)
			continue
		}
		if ctx.Err() == nil && (!mayPass(err) || time.Now().After(giveUp)) {
			r.run.report.differ("%s cannot come back: %v", r.name, err)
			return
		}
		if wait(ctx, max(pause, retryAfter(err))) != nil {
			return
		}
		pause = min(2*pause, longestPause)
	}
}

// errCut ends a connection after enough events.
var errCut = errors.New("cut off")

// readOnce is one connection, from its opening until it is cut. It returns nil when the stream opened.
func (r *replayReader) readOnce(ctx context.Context) error {
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	timer := time.AfterFunc(answerTimeout, cut)
	defer timer.Stop()

	r.mu.Lock()
	opened := maps.Clone(r.rooms)
	r.mu.Unlock()
	query := url.Values{}
	for id := range opened {
		query.Add("room", strconv.FormatInt(id, 10))
	}
	return r.guest.withToken(ctx, func(token string) error {
		body, err := r.guest.client.open(ctx, query.Encode(), token, r.lastID)
		if err != nil {
			return err
		}
		defer body.Close()
		defer cut() // before the body is closed, which would read on
		left := 1 + rand.IntN(mostEventsRead)
		ready := false
		err = readPushed(body, func(e replayPushed) error {
			if !ready {
				ready = true
				timer.Reset(shortestReading + rand.N(longestReading-shortestReading))
			}
			r.take(e, opened)
			left--
			if left == 0 {
				return errCut
			}
			return nil
		})
		if !ready {
			return lostError{fmt.Errorf("no event came: %w", err)}
		}
		return nil
	})
}

func (r *replayReader) take(e replayPushed, opened map[int64]bool) {
	switch name := models.EventName(e.name); name {
	case models.EventReady:
		r.ready(e)
	case models.EventResync:
		r.run.report.differ("%s was told to read again, after %s: %s", r.name, r.lastID, e.data)
	default:
		r.walk.see(name, []byte(e.data), opened)
	}
	if e.id != "" {
		r.lastID = e.id
	}
	select {
	case r.moved <- struct{}{}:
	default:
	}
}

// ready notes the new stream's id. One that goes on must say so, and from where it was left.
func (r *replayReader) ready(e replayPushed) {
	var data models.Ready
	if err := json.Unmarshal([]byte(e.data), &data); err != nil {
		r.run.report.differ("%s: ready that cannot be read: %v", r.name, err)
		return
	}
	if data.UserID != r.guest.ref.ID || data.Resumed != (r.lastID != "") || data.Resumed && e.id != r.lastID {
		r.run.report.differ("%s, coming back after %q, got ready %s %s", r.name, r.lastID, e.id, e.data)
	}
	if data.Resumed {
		r.reconnects.Add(1)
	}
	r.mu.Lock()
	r.streamID = data.StreamID
	r.mu.Unlock()
	r.start.Do(func() { close(r.started) })
}

// awaitStart waits for the first stream to be open.
func (r *replayReader) awaitStart(ctx context.Context) error {
	select {
	case <-r.started:
		return nil
	case <-r.done:
		return fmt.Errorf("%s could not open a stream", r.name)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitEnd waits until the reader has seen all there is, or until nothing comes any more.
func (r *replayReader) awaitEnd(ctx context.Context) error {
	seen := r.walk.behind()
	stuck := time.NewTimer(remotePatience)
	defer stuck.Stop()
	for r.walk.behind() > 0 {
		select {
		case <-r.moved:
			if behind := r.walk.behind(); behind < seen {
				seen = behind
				stuck.Reset(remotePatience)
			}
		case <-r.done:
			return nil
		case <-stuck.C:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}
