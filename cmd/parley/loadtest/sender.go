package loadtest

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"sync"
	"time"

	"github.com/parley-chat/parley/cmd/parley/remote"
	"github.com/parley-chat/parley/models"
)

// room is a room with the numbers of its acknowledged messages.
type room struct {
	id      int64 // 0 before the room is created
	users   []int // its members, as indexes of the run's guests; the first one is its owner
	streams []*eventStream

	mu    sync.Mutex
	next  uint32 // the number of the next message
	acked numberSet
}

func (r *room) number() uint32 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.next++
	return r.next - 1
}

func (r *room) acknowledge(number uint32) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.acked.add(number)
}

// sender is a user who sends to one room, one message at a time.
type sender struct {
	run   *run
	index int // of the sender, and of its guest
	room  *room
	node  *remote.Client
	guest *remote.Guest
	alarm *alarm
	pause time.Duration // after the next failure
}

// send sends until the end of the run. pacing ends when no more messages are due; ctx ends when no more messages may be
// sent. In between, messages that were due and could not be sent yet are sent late.
func (s *sender) send(pacing, ctx context.Context) {
	if s.run.config.Rate > 0 {
		s.keepPace(pacing, ctx)
		return
	}
	for pacing.Err() == nil && s.run.now() < s.run.end() {
		if err := s.sendOne(ctx, s.run.now()); err != nil {
			_ = s.rest(pacing, err) // an error means that pacing has ended
		}
	}
}

// keepPace sends at fixed times that do not depend on the server: a message has to wait until the previous one is
// acknowledged, but this waiting time counts.
func (s *sender) keepPace(pacing, ctx context.Context) {
	for slot := s.index; ; slot += s.run.config.Senders {
		due := s.run.start + time.Duration(float64(slot)/s.run.config.Rate*float64(time.Second))
		if ahead := due - s.run.now(); ahead > 0 && due < s.run.end() {
			if from, _ := s.run.window(); s.alarm.wait(pacing, ahead) == nil && due >= from {
				s.run.lateness.record(s.run.now() - due)
			}
		}
		if due >= s.run.end() {
			return
		}
		if ctx.Err() != nil {
			s.leaveOut(due)
			continue
		}
		err := s.sendOne(ctx, due)
		if err == nil {
			continue
		}
		_ = s.rest(ctx, err) // an error means that ctx has ended
		if remote.IsCode(err, models.CodeRateLimited) {
			slot += s.skip(slot)
		}
	}
}

// leaveOut counts a message that was due but is not sent, with the time that it has waited.
func (s *sender) leaveOut(due time.Duration) {
	s.run.counts.unsent.Add(1)
	if from, _ := s.run.window(); due >= from {
		s.run.acks.record(s.run.now() - due)
	}
}

// skip counts the messages that became due while the server had asked for a pause, and returns how many slots to skip.
// Sending them now would cause the next pause.
func (s *sender) skip(slot int) int {
	behind := (min(s.run.now(), s.run.end())-s.run.start).Seconds()*s.run.config.Rate - float64(slot)
	skipped := max(0, int(math.Ceil(behind/float64(s.run.config.Senders)))-1) // a message that is due just now is not late
	s.run.counts.unsent.Add(int64(skipped))
	return skipped * s.run.config.Senders
}

// sendOne sends a message that was due at that time. It also counts errors.
func (s *sender) sendOne(ctx context.Context, due time.Duration) error {
	number := s.room.number()
	body := s.run.messages.body(mark{number, due})
	call := remote.Call{Method: http.MethodPost, Path: fmt.Sprintf("/v1/rooms/%d/messages", s.room.id)}
	err := s.guest.WithToken(ctx, func(token string) error {
		call.Token = token
		_, err := s.node.DoOnce(ctx, call, body)
		return err
	})
	now := s.run.now()
	from, to := s.run.window()
	c := &s.run.counts
	if err != nil {
		c.failed.Add(1)
		s.run.errors.add("send", err)
		return err
	}
	s.pause = remote.MinRetryPause
	s.room.acknowledge(number)
	c.acked.Add(1)
	if due >= from {
		c.ackedMeasured.Add(1)
		s.run.acks.record(now - due)
	}
	if now >= from && now < to {
		c.ackedTimely.Add(1)
	}
	return nil
}

// rest waits after a failure, at least as long as the server asks for, to protect a server that is overloaded or down.
func (s *sender) rest(ctx context.Context, err error) error {
	pause := s.pause
	s.pause = min(2*pause, remote.MaxRetryPause)
	return remote.Wait(ctx, max(pause, remote.RetryAfter(err)))
}
