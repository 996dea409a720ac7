package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// changeTries bounds how often a transaction is run again after a deadlock or a failed serialization.
const changeTries = 5

// change is a transaction under way and the events that will tell of it.
type change struct {
	*gorm.DB
	store  *Store
	events []pendingEvent
	last   int64 // position of the last event, once appended
	// renamed is set when a user changed in a way that no event tells of.
	renamed bool
	// renames are what lists go by that began before this (as_of.go).
	renames []rename
	// purges is set when there is something to purge behind the transaction (purge.go).
	purges bool
	// full is set when a batch is to end, and lockedRoom is the last room that it locked.
	full       bool
	lockedRoom int64
	// over ends what the memory was told of the transaction.
	over func()
	// complete is set when only the commit is left: if that fails, nobody knows whether it took place.
	complete bool
}

type pendingEvent struct {
	models.LogEntry
	placed []func(position int64) error // run in the transaction, once the event's position is known
}

// tell appends an event at the transaction's end. data is encoded now: it must not change afterwards.
func (c *change) tell(name models.EventName, to models.Audience, data any) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	c.events = append(c.events, pendingEvent{LogEntry: models.LogEntry{Name: name, Audience: to, Data: encoded}})
	return nil
}

// tellMessage is tell for an event that carries a message: those who are there get it as it is now, the log refers to it.
func (c *change) tellMessage(name models.EventName, m models.Message) error {
	err := c.tell(name, models.Audience{RoomID: m.RoomID}, m.ForAll())
	if err == nil {
		c.events[len(c.events)-1].MessageID = m.ID
	}
	return err
}

// whenPlaced runs f with the position of the event told last.
func (c *change) whenPlaced(f func(position int64) error) {
	e := &c.events[len(c.events)-1]
	e.placed = append(e.placed, f)
}

// change runs f in a transaction, appends what it told, and commits. It answers the cursor of the last event, zero when
// f told nothing. f may run more than once.
func (s *Store) change(ctx context.Context, f func(c *change) error) (models.Cursor, error) {
	return s.create(ctx, nil, func(c *change) (any, error) { return nil, f(c) })
}

// create is change for what may carry an Idempotency-Key: what f created is kept as the answer under once's key.
func (s *Store) create(ctx context.Context, once *models.Once, f func(c *change) (any, error)) (models.Cursor, error) {
	var c *change
	run := func(tx *gorm.DB) error {
		c = &change{DB: tx, store: s}
		return c.run(once, f)
	}
	var err error
	for range changeTries {
		err = s.attempt(ctx, run, &c)
		if err == nil || !s.dialect.transient(err) {
			break
		}
	}
	err = judged(s.writer, err) // batches of statements pass gorm by
	switch {
	case err != nil && c != nil && c.complete:
		return models.Cursor{}, commitFailed(err)
	case errors.Is(err, gorm.ErrForeignKeyViolated):
		gone := models.NotFound() // whom or what it was about has been deleted in the meantime
		gone.Err = err
		return models.Cursor{}, gone
	case err != nil:
		return models.Cursor{}, err
	}
	if c.purges {
		s.wakeJanitor()
	}
	if c.last == 0 {
		return models.Cursor{}, nil
	}
	s.committed(c.entries())
	return s.at(c.last), nil
}

// attempt is one try. The memory forgets what is not so any more before anybody hears of the commit.
func (s *Store) attempt(ctx context.Context, run func(tx *gorm.DB) error, c **change) error {
	defer func() {
		if *c != nil && (*c).over != nil {
			(*c).over()
		}
	}()
	*c = nil
	return s.writer.WithContext(ctx).Transaction(run)
}

// run does all of the transaction but its commit.
func (c *change) run(once *models.Once, f func(c *change) (any, error)) error {
	if once != nil {
		if err := c.store.claim(c.DB, once); err != nil {
			return err
		}
	}
	created, err := f(c)
	if err != nil {
		return err
	}
	if err := c.append(); err != nil {
		return err
	}
	if once != nil {
		if err := keepAnswer(c.DB, once, created, c.last); err != nil {
			return err
		}
	}
	c.over = c.store.memory.alter(c)
	c.complete = true
	return nil
}

// append gives the events their positions and writes them. The head's row is the transaction's last lock and is held
// to the commit: that is what makes positions gap-free and ordered like the commits. A sequence would be neither, and a
// reader of "position > last" would skip what commits late.
func (c *change) append() error {
	n, renames := int64(len(c.events)), int64(len(c.renames))
	if n+renames == 0 {
		return nil
	}
	var head struct{ Position, Renames int64 }
	err := c.Raw("UPDATE event_head SET position = position + ?, renames = renames + ? WHERE id = 1 RETURNING position, renames",
		n, renames).Scan(&head).Error
	if err != nil {
		return err
	}
	if head.Position < n || head.Renames < renames {
		return errNoHead
	}
	if err := c.keepRenames(head.Renames - renames); err != nil || n == 0 {
		return err
	}
	c.last = head.Position
	for i := range c.events {
		c.events[i].Position = c.last - n + 1 + int64(i)
	}
	if err := c.store.dialect.insertEvents(c.DB, c.entries(), models.Now().Millis()); err != nil {
		return err
	}
	for _, e := range c.events {
		for _, f := range e.placed {
			if err := f(e.Position); err != nil {
				return err
			}
		}
	}
	return nil
}

// entries are the events told, as the log has them once they are appended.
func (c *change) entries() []models.LogEntry {
	entries := make([]models.LogEntry, len(c.events))
	for i, e := range c.events {
		entries[i] = e.LogEntry
	}
	return entries
}

// at is the cursor of a position in this database.
func (s *Store) at(position int64) models.Cursor {
	return models.Cursor{Epoch: s.epoch, Position: position}
}

// errCommit marks a transaction whose COMMIT failed: whether it took place is not known.
var errCommit = errors.New("commit")

// errNoHead says that positions cannot be given out.
var errNoHead = errors.New("the log has lost its head row")

// commitFailed is the answer to a change whose commit failed. The client finds out by asking again.
func commitFailed(err error) error {
	return &models.Error{
		Code:       models.CodeUnavailable,
		Message:    "The database failed while committing; the change may have taken place. Ask again, with the same Idempotency-Key.",
		RetryAfter: time.Second, Err: errors.Join(errCommit, err),
	}
}

// isRefusal reports whether err is an answer to one caller, rather than a failure of the database.
func isRefusal(err error) bool {
	var refusal *models.Error
	var replayed *models.Replayed
	return errors.As(err, &replayed) || errors.As(err, &refusal) && refusal.Code != models.CodeUnavailable
}
