package replay

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

	"github.com/parley-chat/parley/cmd/parley/remote"
	"github.com/parley-chat/parley/models"
)

// A reader's connection is cut at random: after a time between the first two, or after up to mostEventsRead events.
const (
	shortestReading = 200 * time.Millisecond
	longestReading  = 800 * time.Millisecond
	mostEventsRead  = 2000
)

// reader is a member of every room and reads an event stream. Its connection is cut repeatedly, and each time it
// resumes with the last id that it has seen: no event may be missing or arrive twice.
type reader struct {
	name  string
	run   *run
	guest *remote.Guest
	check *eventChecker

	mu       sync.Mutex
	rooms    map[int64]bool // the rooms being replayed, in which the stream is present
	streamID string

	lastID     string // used by follow's goroutine only
	started    chan struct{}
	start      sync.Once
	moved      chan struct{} // receives a value when an event has arrived
	done       chan struct{} // closed when follow has ended
	reconnects atomic.Int64
}

func newReader(run *run, name string, guest *remote.Guest) *reader {
	return &reader{
		name: name, run: run, guest: guest, check: newEventChecker(name, run.report), rooms: map[int64]bool{},
		started: make(chan struct{}), moved: make(chan struct{}, 1), done: make(chan struct{}),
	}
}

// enter makes the reader a member of a room and its stream present in it.
func (r *reader) enter(ctx context.Context, room *room) error {
	_, place := room.timeline.add(replayEvent{name: models.EventMemberJoined, user: &r.guest.Ref})
	r.check.enter(room, place)
	if err := room.requestJoin(ctx, r.guest); err != nil {
		return err
	}
	r.mu.Lock()
	r.rooms[room.id] = true // new streams open in the room; the open one enters it below
	streamID := r.streamID
	r.mu.Unlock()
	_, err := r.guest.Do(ctx, remote.Call{Method: http.MethodPut, Path: room.path("/presence/" + streamID)})
	if remote.IsCode(err, models.CodeNotFound) { // the stream was cut in the meantime
		return nil
	}
	return err
}

// exit is called after a room was replayed: the reader stays a member, but its next stream is not present in the room.
func (r *reader) exit(room *room) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.rooms, room.id)
}

// follow reads until ctx ends, or until it cannot open a stream any more.
func (r *reader) follow(ctx context.Context) {
	defer close(r.done)
	pause := remote.MinRetryPause
	giveUp := time.Now().Add(remote.MaxRetryTime)
	for ctx.Err() == nil {
		err := r.readOnce(ctx)
		if err == nil {
			pause = remote.MinRetryPause
			giveUp = time.Now().Add(remote.MaxRetryTime)
			continue
		}
		if ctx.Err() == nil && (!remote.IsTemporary(err) || time.Now().After(giveUp)) {
			r.run.report.differ("%s cannot reconnect: %v", r.name, err)
			return
		}
		if remote.Wait(ctx, max(pause, remote.RetryAfter(err))) != nil {
			return
		}
		pause = min(2*pause, remote.MaxRetryPause)
	}
}

// errCut ends a connection after enough events.
var errCut = errors.New("cut off")

// readOnce opens one connection and reads until it is cut. It returns nil if the stream opened.
func (r *reader) readOnce(ctx context.Context) error {
	ctx, cut := context.WithCancel(ctx)
	defer cut()
	timer := time.AfterFunc(remote.ResponseTimeout, cut)
	defer timer.Stop()

	r.mu.Lock()
	opened := maps.Clone(r.rooms)
	r.mu.Unlock()
	query := url.Values{}
	for id := range opened {
		query.Add("room", strconv.FormatInt(id, 10))
	}
	return r.guest.WithToken(ctx, func(token string) error {
		body, err := r.guest.Client.OpenStream(ctx, query.Encode(), token, r.lastID)
		if err != nil {
			return err
		}
		defer body.Close()
		defer cut() // before the body is closed, since closing reads the rest
		left := 1 + rand.IntN(mostEventsRead)
		ready := false
		err = remote.ReadEvents(body, func(e remote.Event) error {
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
			return remote.LostError{Err: fmt.Errorf("no event arrived: %w", err)}
		}
		return nil
	})
}

func (r *reader) take(e remote.Event, opened map[int64]bool) {
	switch name := models.EventName(e.Name); name {
	case models.EventReady:
		r.ready(e)
	case models.EventResync:
		r.run.report.differ("%s got a resync after %s: %s", r.name, r.lastID, e.Data)
	default:
		r.check.check(name, []byte(e.Data), opened)
	}
	if e.ID != "" {
		r.lastID = e.ID
	}
	select {
	case r.moved <- struct{}{}:
	default:
	}
}

// ready stores the new stream's id. A resumed stream must say so, and must resume after the last event.
func (r *reader) ready(e remote.Event) {
	var data models.Ready
	if err := json.Unmarshal([]byte(e.Data), &data); err != nil {
		r.run.report.differ("%s: invalid ready event: %v", r.name, err)
		return
	}
	if data.UserID != r.guest.Ref.ID || data.Resumed != (r.lastID != "") || data.Resumed && e.ID != r.lastID {
		r.run.report.differ("%s, reconnecting after %q, got ready %s %s", r.name, r.lastID, e.ID, e.Data)
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
func (r *reader) awaitStart(ctx context.Context) error {
	select {
	case <-r.started:
		return nil
	case <-r.done:
		return fmt.Errorf("%s could not open a stream", r.name)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// awaitEnd waits until the reader has seen all events, or until none has arrived for remote.MaxRetryTime.
func (r *reader) awaitEnd(ctx context.Context) error {
	seen := r.check.behind()
	stuck := time.NewTimer(remote.MaxRetryTime)
	defer stuck.Stop()
	for r.check.behind() > 0 {
		select {
		case <-r.moved:
			if behind := r.check.behind(); behind < seen {
				seen = behind
				stuck.Reset(remote.MaxRetryTime)
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
