package store

import (
	"cmp"
	"context"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/wordindex"
)

// The words of a message are indexed behind its commit, many messages at a time: a send does not wait for it, and the
// index gets fewer and larger parts to merge. doc.go says how searches find each message all the same.

const (
	// indexEvery is how long a message waits for the index at most, if nothing fails.
	indexEvery = time.Second
	// indexWaiting is the number of events that wait for the index from which on it does not wait for the next time. Each
	// search reads the messages that wait.
	indexWaiting = 2 * indexRows
	// indexRows bounds the events of one transaction, for which sends to SQLite wait.
	indexRows = 200
	// indexTimeout bounds one transaction, and indexIdle how long PostgreSQL waits for its next statement: a node that is
	// cut off within it keeps the others from indexing no longer than that.
	indexTimeout = 30 * time.Second
	indexIdle    = 10 * time.Second
)

// runIndexer indexes what is sent.
func (s *Store) runIndexer(ctx context.Context) {
	ticker := time.NewTicker(indexEvery)
	defer ticker.Stop()
	for least := int64(1); ; {
		if err := s.indexMessages(ctx, least); err != nil && ctx.Err() == nil {
			s.log.Warn("cannot index messages for searches; retrying", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			least = 1
		case <-s.unindexed:
			least = indexRows // the rest of them will be joined by others
		}
	}
}

// wakeIndexer signals that there are events up to a position, if many of them wait for the index.
func (s *Store) wakeIndexer(head int64) {
	if head-s.indexed.Load() < indexWaiting {
		return
	}
	select {
	case s.unindexed <- struct{}{}:
	default: // an earlier signal is still waiting, and serves this one too
	}
}

// indexMessages indexes the messages that wait for it, as long as at least so many events do.
func (s *Store) indexMessages(ctx context.Context, least int64) error {
	s.indexing.Lock()
	defer s.indexing.Unlock()
	for more := true; more; {
		var err error
		if more, err = s.indexSome(ctx, least); err != nil {
			return err
		}
	}
	return nil
}

// indexSome is one transaction of indexMessages.
func (s *Store) indexSome(ctx context.Context, least int64) (more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, indexTimeout)
	defer cancel()
	if waits, err := s.waitsForIndex(ctx, least); err != nil || !waits {
		return false, err
	}
	b, err := s.indexBatch(ctx)
	if err != nil {
		return false, err
	}
	for _, r := range b.refused {
		s.log.Error("the database refuses the words of a message; searches do not find it",
			"room", r.RoomID, "message", r.ID, "error", r.err)
	}
	s.indexed.Store(max(b.to, s.indexed.Load()))
	return b.full, nil
}

// waitsForIndex reports whether at least so many events wait for the index. Where other nodes write too, this one does
// not know whether any do, and looks.
func (s *Store) waitsForIndex(ctx context.Context, least int64) (waits bool, err error) {
	if least > 1 || !s.dialect.Shared() {
		return s.head.Load()-s.indexed.Load() >= least, nil
	}
	err = database.Scan(s.read(ctx), &waits, "SELECT h.position > w.position FROM event_head h, word_index w")
	return waits, err
}

// indexBatch indexes some messages. On PostgreSQL nodes do that by turns: one that holds the row of word_index works,
// and the others leave it to that one. On SQLite all but the writing is done before the transaction, which sends wait
// for.
func (s *Store) indexBatch(ctx context.Context) (b unindexed, err error) {
	if !s.dialect.Shared() {
		if b, err = readUnindexed(s.read(ctx), ""); err != nil || b.to == b.from {
			return b, err
		}
	}
	_, err = s.write(ctx, func(tx *transaction) (err error) {
		if s.dialect.Shared() {
			if b, err = tx.claimUnindexed(); err != nil || b.to == b.from {
				return err
			}
		}
		if b.refused, err = tx.addToIndex(b.messages); err != nil {
			return err
		}
		return database.ExecDirect(tx.DB, "UPDATE word_index SET position = $1 WHERE id = 1", b.to)
	})
	return b, err
}

// unindexed is what one transaction adds to the index: the messages of the events after from, up to to.
type unindexed struct {
	from, to int64
	full     bool // there may be more
	messages []database.IndexedMessage
	refused  []refusedWords
}

// refusedWords are a message whose words the database does not take, and why.
type refusedWords struct {
	database.IndexedMessage

	err error
}

// addToIndex adds messages to the index. If the database refuses that, it looks for those at fault by halves: they stay
// without words, since no other message is to wait for what fails each time.
func (tx *transaction) addToIndex(messages []database.IndexedMessage) ([]refusedWords, error) {
	if len(messages) == 0 {
		return nil, nil
	}
	if err := database.ExecDirect(tx.DB, "SAVEPOINT words"); err != nil {
		return nil, err
	}
	added := tx.store.dialect.AddToIndex(tx.DB, messages)
	if added == nil {
		return nil, database.ExecDirect(tx.DB, "RELEASE SAVEPOINT words")
	}
	if !tx.store.dialect.Refused(added) {
		return nil, added
	}
	if err := database.ExecDirect(tx.DB, "ROLLBACK TO SAVEPOINT words"); err != nil {
		return nil, err
	}
	if len(messages) == 1 {
		return []refusedWords{{messages[0], added}}, nil
	}
	half := len(messages) / 2 //nolint:mnd // as its name says
	first, err := tx.addToIndex(messages[:half])
	if err != nil {
		return nil, err
	}
	second, err := tx.addToIndex(messages[half:])
	return append(first, second...), err
}

// claimUnindexed is readUnindexed for this transaction alone, and not for long if its node is cut off.
func (tx *transaction) claimUnindexed() (unindexed, error) {
	if err := tx.store.dialect.LimitIdle(tx.DB, indexIdle); err != nil {
		return unindexed{}, err
	}
	return readUnindexed(tx.DB, tx.store.dialect.SkipLocked())
}

// readUnindexed reads the first messages that wait for the index. The batch is empty if lock, a clause for the row of
// word_index, does not get it.
func readUnindexed(db *gorm.DB, lock string) (b unindexed, err error) {
	const position = "SELECT position FROM word_index WHERE id = 1"
	locked, err := database.Find(db, &b.from, position+lock)
	if err == nil && !locked {
		err = database.Scan(db, &b.from, position)
	}
	b.to = b.from
	if err != nil || !locked {
		return b, err
	}
	events := 0
	var at int64
	var m database.IndexedMessage
	var text string
	err = database.Query(db, `SELECT e.position, e.room_id, e.message_id, COALESCE(m.text, '')
		FROM (SELECT position, name, room_id, message_id FROM events WHERE position > $1 ORDER BY position LIMIT $2 + 0) e
		LEFT JOIN messages m ON e.name = '`+string(models.EventMessageCreated)+`' AND m.room_id = e.room_id
		AND m.id = e.message_id AND m.edited_at = 0 AND m.deleted_at = 0`, b.from, indexRows).Each(func() {
		events++
		b.to = max(b.to, at)
		if text != "" {
			m.Words = wordindex.Words(text)
			b.messages = append(b.messages, m)
		}
	}, &at, &m.RoomID, &m.ID, &text)
	b.full = events == indexRows
	slices.SortFunc(b.messages, func(a, b database.IndexedMessage) int {
		return cmp.Or(cmp.Compare(a.RoomID, b.RoomID), cmp.Compare(a.ID, b.ID))
	})
	return b, err
}

// findUnindexed finds the messages of the spans that a query matches and whose events come after a position.
func findUnindexed(
	db *gorm.DB, spans []database.Span, q *wordindex.Query, after int64,
) (found []database.Hit, err error) {
	active := map[int64]database.Span{}
	var rooms []int64
	for _, in := range spans {
		if in.ActivePosition > after {
			active[in.RoomID] = in
			rooms = append(rooms, in.RoomID)
		}
	}
	if len(rooms) == 0 {
		return nil, nil
	}
	in, list := database.NumberedIDList(db, "$2", rooms)
	var h database.Hit
	var text string
	err = database.Query(db, `SELECT m.created_at, m.room_id, m.id, m.text FROM events e
		CROSS JOIN messages m WHERE e.position > $1 AND e.name = '`+string(models.EventMessageCreated)+`'
		AND e.room_id IN `+in+` AND m.room_id = e.room_id AND m.id = e.message_id
		AND m.deleted_at = 0`+database.FromLiveSender, after, list).Each(func() {
		s := active[h.RoomID]
		if h.ID > s.ClearedID && h.ID <= s.UpToID && q.Matches(text) {
			found = append(found, h)
		}
	}, &h.CreatedAt, &h.RoomID, &h.ID, &text)
	return found, err
}

// reindexRows is the number of messages that are indexed between two looks at the clock: with the longest texts that
// takes as long as a batch.
const reindexRows = 8

// reindexMessages indexes some messages again, all of one room: its lock keeps them as they are meanwhile. What is left
// is recorded in the database, so that any node continues where another one ended.
func (s *Store) reindexMessages(ctx context.Context) (more bool, err error) {
	return s.batch(ctx, func(tx *transaction) (more bool, err error) {
		var roomID int64
		found, err := database.Find(tx.DB, &roomID,
			"SELECT room_id FROM messages WHERE "+database.ToReindex+" ORDER BY room_id, id LIMIT 1")
		if err != nil || !found {
			return false, err
		}
		if ok, err := tx.lockNextRoom(roomID); err != nil || !ok {
			return true, err
		}
		var rows []messageRow
		err = database.Scan(tx.DB, &rows,
			"SELECT id, text FROM messages WHERE room_id = ? AND "+database.ToReindex+" ORDER BY id LIMIT ?",
			roomID, reindexRows)
		if err != nil {
			return false, err
		}
		messages := make([]database.IndexedMessage, len(rows))
		for i, r := range rows {
			messages[i] = database.IndexedMessage{RoomID: roomID, ID: r.ID, Key: wordindex.KeyOf(r.Text)}
		}
		return true, tx.index(messages)
	})
}

func (tx *transaction) index(messages []database.IndexedMessage) error {
	return tx.store.dialect.IndexMessages(tx.DB, messages)
}
