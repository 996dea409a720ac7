package store

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

const (
	// sendQueue bounds the sends that wait for the commit under way; more wait in their requests.
	sendQueue = 1024
	// maxBatch bounds the messages of one commit, so that the first of them does not wait for too many others.
	maxBatch = 256
)

// send is one message on its way into a batch, and the result. The commit queue's goroutine owns it from the moment it
// is queued until done is closed.
type send struct {
	database.Post // its Message is in sent

	ctx      context.Context // of the request: a send whose request ends before its batch begins is not stored
	callerID int64
	roomID   int64
	n        models.NewMessage

	sent models.SentMessage
	at   models.Cursor
	err  error
	done chan struct{}
}

// Send stores a message. It returns when the message is committed, together with those that were sent meanwhile.
func (s *Store) Send(
	ctx context.Context, callerID int64, path models.RoomPath, n models.NewMessage, call *models.IdempotentCall,
) (models.SentMessage, models.Cursor, error) {
	if path.Key != "" {
		a, err := authorizeMember(s.read(ctx), path, callerID)
		if err != nil {
			return models.SentMessage{}, models.Cursor{}, err
		}
		path.ID = a.Room.ID
	}
	// What the message is found by is computed before it is queued: requests do that side by side, the queue would in
	// turn.
	p := &send{
		Post: database.Post{Key: call, TextStart: wordindex.NormalizeStart(n.Text)},
		ctx:  ctx, callerID: callerID, roomID: path.ID, n: n, done: make(chan struct{}),
	}
	if err := s.queue(p); err != nil {
		return models.SentMessage{}, models.Cursor{}, err
	}
	select {
	case <-p.done:
		return p.sent, p.at, p.err
	case <-s.ended:
		// The queue may have completed the send in the moment in which it ended.
		select {
		case <-p.done:
			return p.sent, p.at, p.err
		default:
			return models.SentMessage{}, models.Cursor{}, stoppingError()
		}
	}
}

// queue puts a send into the queue. It waits while the queue is full.
func (s *Store) queue(p *send) error {
	select {
	case s.sends <- p: // there is room nearly always; then what follows is not needed
		return nil
	default:
	}
	select {
	case s.sends <- p:
		return nil
	case <-s.stopped:
		return stoppingError()
	case <-p.ctx.Done():
		return p.ctx.Err()
	}
}

func stoppingError() error {
	return &models.Error{
		Code: models.CodeUnavailable, Message: "This server is stopping; the message was not stored.",
		RetryAfter: time.Second,
	}
}

// runCommitQueue commits batches, one at a time: what is sent while a commit waits for the disk goes into the next one.
func (s *Store) runCommitQueue(ctx context.Context) {
	defer close(s.ended)
	var batch, held []*send
	for {
		if len(held) == 0 {
			select {
			case <-ctx.Done():
				return
			case p := <-s.sends:
				held = append(held, p)
			}
		}
		s.awaitSends()
		batch, held = s.collect(held)
		s.commitBatch(batch)
		for _, p := range batch {
			close(p.done)
		}
	}
}

// awaitSends lets sends that are about to be queued go into the next batch.
func (s *Store) awaitSends() {
	for waiting := -1; waiting < len(s.sends) && waiting < maxBatch; {
		waiting = len(s.sends)
		runtime.Gosched()
	}
}

// collect adds what is waiting to the batch. A second send with an Idempotency-Key that the batch already has is held
// for the next batch, where it will find the first one's response.
func (s *Store) collect(first []*send) (batch, held []*send) {
	keys := map[database.IdempotencyKey]bool{}
	add := func(p *send) {
		if p.Key != nil {
			key := database.KeyOf(p.Key)
			if keys[key] {
				held = append(held, p)
				return
			}
			keys[key] = true
		}
		batch = append(batch, p)
	}
	for _, p := range first {
		add(p)
	}
	for len(batch)+len(held) < maxBatch {
		select {
		case p := <-s.sends:
			add(p)
		default:
			return batch, held
		}
	}
	return batch, held
}

// commitBatch stores the batch in one transaction and sets the result of each send. A failure that no single send
// caused has each one tried alone, so that one cannot fail the others; except when the commit itself failed, after
// which it is not known whether it took place, and a second try could store a message twice.
func (s *Store) commitBatch(batch []*send) {
	err := s.storeBatch(batch)
	switch {
	case err == nil, errors.Is(err, errNothingStored):
		s.countBatch(batch)
	case len(batch) > 1 && !errors.Is(err, database.ErrCommit):
		for _, p := range batch {
			s.commitBatch([]*send{p})
		}
	default:
		for _, p := range batch {
			if p.err == nil {
				p.err = err
			}
		}
	}
}

func (s *Store) countBatch(batch []*send) {
	stored := int64(0)
	for _, p := range batch {
		if p.err == nil {
			stored++
		}
	}
	if stored > 0 {
		s.batches.Add(1)
		s.batched.Add(stored)
	}
}

// SendBatches returns how many batches of messages were committed since the store was opened, and how many messages
// were in them: the more in each, the less a message costs.
func (s *Store) SendBatches() (batches, messages int64) {
	return s.batches.Load(), s.batched.Load()
}
