package store

import (
	"context"
	"errors"
	"time"

	"github.com/parley-chat/parley/models"
)

const (
	// sendQueue bounds the sends that wait for the group under way; more wait in their requests.
	sendQueue = 1024
	// groupLimit bounds the messages of one commit, so that the first of them does not wait for too many others.
	groupLimit = 256
)

// send is one message on its way into a group, and what became of it. The sender goroutine owns it from the moment it
// is queued until done is closed.
type send struct {
	ctx      context.Context // of the request: one that is over before its group begins is not stored
	callerID int64
	roomID   int64
	n        models.NewMessage
	once     *models.Once
	// seq is the message's number among the sender's, given when it is stored.
	seq int64
	// Of the message's event, what leads back to the one before it in its room (as_of.go): when that is in the same group, its
	// number there, from 1, or else its position. priorActiveAt is when the room was active before.
	priorSend, priorPosition, priorActiveAt int64
	// What the message is found by is made before it is queued: requests do that side by side, the sender would in turn.
	start, words string

	sent models.SentMessage
	at   models.Cursor
	err  error
	done chan struct{}
}

// Send stores a message. It returns when the message is committed, together with those that were sent meanwhile.
func (s *Store) Send(ctx context.Context, callerID int64, path models.RoomPath, n models.NewMessage, once *models.Once) (models.SentMessage, models.Cursor, error) {
	if path.Key != "" {
		a, err := asMember(s.read(ctx), path, callerID)
		if err != nil {
			return models.SentMessage{}, models.Cursor{}, err
		}
		path.ID = a.Room.ID
	}
	found := searchKeyOf(n.Text)
	p := &send{
		ctx: ctx, callerID: callerID, roomID: path.ID, n: n, once: once, done: make(chan struct{}),
		start: found.start, words: s.dialect.wordText(path.ID, found.words),
	}
	select {
	case s.sends <- p:
	case <-s.stopped:
		return models.SentMessage{}, models.Cursor{}, stoppedError()
	case <-ctx.Done():
		return models.SentMessage{}, models.Cursor{}, ctx.Err()
	}
	select {
	case <-p.done:
		return p.sent, p.at, p.err
	case <-s.ended:
		// The sender may have answered in the moment in which it ended.
		select {
		case <-p.done:
			return p.sent, p.at, p.err
		default:
			return models.SentMessage{}, models.Cursor{}, stoppedError()
		}
	}
}

func stoppedError() error {
	return &models.Error{
		Code: models.CodeUnavailable, Message: "This server is stopping; the message was not stored.", RetryAfter: time.Second,
	}
}

// runSender commits groups, one at a time: what is sent while a commit waits for the disk goes into the next one.
func (s *Store) runSender(ctx context.Context) {
	defer close(s.ended)
	var group, held []*send
	for {
		if len(held) == 0 {
			select {
			case <-ctx.Done():
				return
			case p := <-s.sends:
				held = append(held, p)
			}
		}
		group, held = s.gather(held)
		s.commitGroup(group)
		for _, p := range group {
			close(p.done)
		}
	}
}

// gather adds what is waiting to the group. A second send under an Idempotency-Key that the group has already is held
// for the next one, where it will find the first one's answer.
func (s *Store) gather(first []*send) (group, held []*send) {
	keys := map[onceName]bool{}
	add := func(p *send) {
		if p.once != nil {
			name := nameOf(p.once)
			if keys[name] {
				held = append(held, p)
				return
			}
			keys[name] = true
		}
		group = append(group, p)
	}
	for _, p := range first {
		add(p)
	}
	for len(group)+len(held) < groupLimit {
		select {
		case p := <-s.sends:
			add(p)
		default:
			return group, held
		}
	}
	return group, held
}

// commitGroup stores the group in one transaction and leaves in each send what became of it. A failure that is no
// send's own makes each try alone, so that one cannot fail the others; except when the commit itself failed, after
// which nobody knows whether it took place, and a second try could store a message twice.
func (s *Store) commitGroup(group []*send) {
	err := s.postGroup(group)
	switch {
	case err == nil, errors.Is(err, errNoneStored):
		s.count(group)
	case len(group) > 1 && !errors.Is(err, errCommit):
		for _, p := range group {
			s.commitGroup([]*send{p})
		}
	default:
		for _, p := range group {
			if p.err == nil {
				p.err = err
			}
		}
	}
}

func (s *Store) count(committed []*send) {
	stored := int64(0)
	for _, p := range committed {
		if p.err == nil {
			stored++
		}
	}
	if stored > 0 {
		s.groups.Add(1)
		s.grouped.Add(stored)
	}
}

// SendGroups tells how many groups of messages were committed since the store was opened, and how many messages were in
// them: the more in each, the less a message costs.
func (s *Store) SendGroups() (groups, messages int64) {
	return s.groups.Load(), s.grouped.Load()
}
