package replay

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"

	"github.com/parley-chat/parley/cmd/parley/remote"
	"github.com/parley-chat/parley/models"
)

// room is the room of one log. One goroutine replays it, so everything in it happens in the log's order.
type room struct {
	run      *run
	log      *replayLog
	id       int64
	timeline replayTimeline
	present  map[string]*remote.Guest // by nick, without the logger and the readers
}

// play creates the room and does in it what the log says.
func (r *room) play(ctx context.Context) error {
	if err := r.open(ctx); err != nil {
		return fmt.Errorf("%s: %w", r.log.name, err)
	}
	defer func() {
		for _, reader := range r.run.readers {
			reader.exit(r)
		}
	}()
	for _, reader := range r.run.readers {
		if err := reader.enter(ctx, r); err != nil {
			return fmt.Errorf("%s: %s: %w", r.log.name, reader.name, err)
		}
	}
	for i, s := range r.log.steps {
		if err := r.do(ctx, s); err != nil {
			return fmt.Errorf("%s: step %d, %q: %w", r.log.name, i+1, s.nick, err)
		}
	}
	return nil
}

func (r *room) open(ctx context.Context) error {
	name := r.log.title()
	var made models.Room
	_, err := r.run.logger.Do(ctx, remote.Call{
		Method: http.MethodPost, Path: "/v1/rooms", Key: rand.Text(), Body: models.NewRoom{Name: &name}, Into: &made,
	})
	r.id = made.ID
	return err
}

func (r *room) path(rest string) string { return fmt.Sprintf("/v1/rooms/%d%s", r.id, rest) }

func (r *room) do(ctx context.Context, s step) error {
	switch s.action {
	case replaySay:
		return r.say(ctx, s.nick, s.text)
	case replayJoin:
		return r.join(ctx, s.nick)
	case replayLeave:
		return r.leave(ctx, s.nick)
	default:
		if r.present[s.nick] == nil {
			r.run.counts.passedOver.Add(1)
			return nil
		}
		if err := r.leave(ctx, s.nick); err != nil {
			return err
		}
		return r.join(ctx, s.newNick)
	}
}

// join makes a nick a member. Logs do not show lost connections, so many nicks join who are already members: the
// request is sent anyway, and must change nothing.
func (r *room) join(ctx context.Context, nick string) error {
	guest, err := r.run.guests.of(ctx, nick)
	if err != nil {
		return err
	}
	if r.present[nick] == nil {
		r.timeline.add(replayEvent{name: models.EventMemberJoined, user: &guest.Ref})
		r.present[nick] = guest
		r.run.counts.joins.Add(1)
	} else {
		r.run.counts.joinedAgain.Add(1)
	}
	return r.requestJoin(ctx, guest)
}

func (r *room) requestJoin(ctx context.Context, guest *remote.Guest) error {
	_, err := guest.Do(ctx, remote.Call{Method: http.MethodPut, Path: r.path("/members/me")})
	return err
}

// leave ends the membership of a nick. A nick that is not a member joined before the log began, and is skipped.
func (r *room) leave(ctx context.Context, nick string) error {
	guest := r.present[nick]
	if guest == nil {
		r.run.counts.passedOver.Add(1)
		return nil
	}
	r.timeline.add(replayEvent{name: models.EventMemberLeft, user: &guest.Ref})
	delete(r.present, nick)
	r.run.counts.leaves.Add(1)
	_, err := guest.Do(ctx, remote.Call{Method: http.MethodDelete, Path: r.path("/members/me")})
	return err
}

func (r *room) say(ctx context.Context, nick, text string) error {
	if r.present[nick] == nil {
		if err := r.join(ctx, nick); err != nil {
			return err
		}
	}
	guest := r.present[nick]
	key := rand.Text()
	e, _ := r.timeline.add(replayEvent{name: models.EventMessageCreated, user: &guest.Ref, text: text, clientID: key})
	var got models.Message
	_, err := guest.Do(ctx, remote.Call{
		Method: http.MethodPost, Path: r.path("/messages"), Key: key, Into: &got,
		Body: models.NewMessage{Text: text, ClientID: &key},
	})
	if err != nil {
		return err
	}
	if problem := e.matches(got); problem != "" || got.RoomID != r.id {
		r.run.report.differ("%s: the response to %v %s", r.log.title(), e, problem)
	}
	r.run.counts.messages.Add(1)
	return nil
}
