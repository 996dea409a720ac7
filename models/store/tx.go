package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// maxTries bounds how often a transaction is run again after a deadlock or a failed serialization.
const maxTries = 5

// transaction is one that writes, and the events that it appends to the log.
type transaction struct {
	*gorm.DB
	store  *Store
	events []pendingEvent
	last   int64 // position of the last event, once appended
	// renames are the names that lists go by that began before this transaction (search_names.go).
	renames []rename
	// wakesJanitor is set when there is something to purge after the transaction.
	wakesJanitor bool
	// batchFull is set when a purge's transaction is to end, and lastRoomID is the last room that it locked.
	batchFull  bool
	lastRoomID int64
	// endCacheUpdate ends the update of the cache that began with the transaction's commit.
	endCacheUpdate func()
	// committing is set when only the commit is left: if that fails, it is not known whether it took place.
	committing bool
}

type pendingEvent struct {
	models.LogEntry
	onPosition []func(position int64) error // run in the transaction, once the event's position is known
}

// appendEvent appends an event to the log at the end of the transaction. data is encoded now: later changes of it have
// no effect.
func (tx *transaction) appendEvent(name models.EventName, to models.Audience, data any) error {
	encoded, err := json.Marshal(data)
	if err != nil {
		return fmt.Errorf("encode %s: %w", name, err)
	}
	tx.events = append(tx.events, pendingEvent{LogEntry: models.LogEntry{Name: name, Audience: to, Data: encoded}})
	return nil
}

// appendMessageEvent is appendEvent for an event that carries a message: streams that are attached get it as it is now,
// the log refers to it.
func (tx *transaction) appendMessageEvent(name models.EventName, m models.Message) error {
	err := tx.appendEvent(name, models.Audience{RoomID: m.RoomID}, m.ForAll())
	if err == nil {
		tx.events[len(tx.events)-1].MessageID = m.ID
	}
	return err
}

// onPosition has f called with the position of the event that was appended last.
func (tx *transaction) onPosition(f func(position int64) error) {
	e := &tx.events[len(tx.events)-1]
	e.onPosition = append(e.onPosition, f)
}

// write runs f in a transaction, appends its events, and commits. It returns the cursor of the last event, zero when
// there is none. f may run more than once.
func (s *Store) write(ctx context.Context, f func(tx *transaction) error) (models.Cursor, error) {
	return s.writeIdempotent(ctx, nil, func(tx *transaction) (any, error) { return nil, f(tx) })
}

// writeIdempotent is write for a call that may have an Idempotency-Key: what f created is stored as the response for
// the key.
func (s *Store) writeIdempotent(
	ctx context.Context, call *models.IdempotentCall, f func(tx *transaction) (any, error),
) (models.Cursor, error) {
	var tx *transaction
	run := func(db *gorm.DB) error {
		tx = &transaction{DB: db, store: s}
		return tx.run(call, f)
	}
	var err error
	for range maxTries {
		err = s.attempt(ctx, run, &tx)
		if err == nil || !s.dialect.Transient(err) {
			break
		}
	}
	err = database.Translate(s.writer, err) // of statements that did not go through gorm
	switch {
	case err != nil && tx != nil && tx.committing:
		return models.Cursor{}, commitFailed(err)
	case errors.Is(err, gorm.ErrForeignKeyViolated):
		deleted := models.NotFound() // a user or a room that was deleted in the meantime
		deleted.Err = err
		return models.Cursor{}, deleted
	case err != nil:
		return models.Cursor{}, err
	}
	models.ReadPointOf(ctx).Clear() // what the request reads from here on includes what it has written
	if tx.wakesJanitor {
		s.wakeJanitor()
	}
	if tx.last == 0 {
		return models.Cursor{}, nil
	}
	s.committed(tx.logEntries())
	return s.cursorAt(tx.last), nil
}

// attempt is one try. The cache is invalidated before anybody learns of the commit.
func (s *Store) attempt(ctx context.Context, run func(db *gorm.DB) error, tx **transaction) error {
	defer func() {
		if *tx != nil && (*tx).endCacheUpdate != nil {
			(*tx).endCacheUpdate()
		}
	}()
	*tx = nil
	return s.writer.WithContext(ctx).Transaction(run)
}

// run does all of the transaction but its commit.
func (tx *transaction) run(call *models.IdempotentCall, f func(tx *transaction) (any, error)) error {
	if call != nil {
		if err := tx.store.claimKey(tx.DB, call); err != nil {
			return err
		}
	}
	created, err := f(tx)
	if err != nil {
		return err
	}
	if err := tx.appendEvents(); err != nil {
		return err
	}
	if call != nil {
		if err := storeResponse(tx.DB, call, created, tx.last); err != nil {
			return err
		}
	}
	tx.endCacheUpdate = tx.store.cache.beginUpdate(tx.events)
	tx.committing = true
	return nil
}

// appendEvents gives the events their positions and writes them. The head row is the transaction's last lock and is
// held until the commit: this makes positions gap-free and puts them in the order of the commits. A sequence would do
// neither, and a reader of "position > last" would skip events that commit late.
func (tx *transaction) appendEvents() error {
	n, renames := int64(len(tx.events)), int64(len(tx.renames))
	if n+renames == 0 {
		return nil
	}
	var head struct{ Position, Renames int64 }
	err := database.Scan(tx.DB, &head,
		"UPDATE event_head SET position = position + ?, renames = renames + ? WHERE id = 1 RETURNING "+
			"position, renames",
		n, renames)
	if err != nil {
		return err
	}
	if head.Position < n || head.Renames < renames {
		return database.ErrNoHead
	}
	if err := tx.storeRenames(head.Renames - renames); err != nil || n == 0 {
		return err
	}
	tx.last = head.Position
	for i := range tx.events {
		tx.events[i].Position = tx.last - n + 1 + int64(i)
	}
	if err := tx.store.dialect.InsertEvents(tx.DB, tx.logEntries(), models.Now().Millis()); err != nil {
		return err
	}
	for _, e := range tx.events {
		for _, f := range e.onPosition {
			if err := f(e.Position); err != nil {
				return err
			}
		}
	}
	return nil
}

// logEntries are the events of the transaction, as the log has them once they are appended.
func (tx *transaction) logEntries() []models.LogEntry {
	entries := make([]models.LogEntry, len(tx.events))
	for i, e := range tx.events {
		entries[i] = e.LogEntry
	}
	return entries
}

// cursorAt is the cursor of a position in this database.
func (s *Store) cursorAt(position int64) models.Cursor {
	return models.Cursor{Epoch: s.epoch, Position: position}
}

// commitFailed is the error of a call whose commit failed. The client learns by asking again whether it took place.
func commitFailed(err error) error {
	return &models.Error{
		Code: models.CodeUnavailable,
		Message: "The database failed while committing; the change may have taken place. " +
			"Ask again, with the same Idempotency-Key.",
		RetryAfter: time.Second, Err: errors.Join(database.ErrCommit, err),
	}
}

// isRefusal reports whether err is a response to one caller, rather than a failure of the database.
func isRefusal(err error) bool {
	var refusal *models.Error
	var replayed *models.Replayed
	return errors.As(err, &replayed) || errors.As(err, &refusal) && refusal.Code != models.CodeUnavailable
}

func isNotFound(err error) bool { return isCode(err, models.CodeNotFound) }

func isCode(err error, code models.Code) bool {
	var known *models.Error
	return errors.As(err, &known) && known.Code == code
}

// unlessNotFound is nil for not_found: what is to be removed is not there. A DELETE can be repeated, also after what it
// names is gone for another reason.
func unlessNotFound(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}
