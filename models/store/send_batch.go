package store

import (
	"cmp"
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/database"
)

const (
	// batchTimeout bounds one batch's transaction. It does not end with any one request.
	batchTimeout = 10 * time.Second
	// rollbackTimeout bounds the rollback of one that failed.
	rollbackTimeout = 2 * time.Second
)

// errNothingStored ends the transaction of a batch of which nothing was stored. A commit would wait for the disk, since
// rooms were locked, and thereby reveal to a caller who is refused that the room exists.
var errNothingStored = errors.New("nothing was stored")

// batchTx is the transaction of the messages that are committed together. What every batch does goes to the driver past
// gorm and database/sql, which cost more than the statements themselves; what few batches do goes through gorm, over
// the same connection.
type batchTx struct {
	*transaction

	conn database.ConnTx
	done bool // committed
}

// storeBatch stores sends in a transaction, until it is committed or has failed for good.
func (s *Store) storeBatch(sends []*send) error {
	ctx, cancel := context.WithTimeout(context.Background(), batchTimeout)
	defer cancel()
	var entries []models.LogEntry
	var err error
	for range maxTries {
		entries, err = s.tryBatch(ctx, sends)
		if err == nil || !s.dialect.Transient(err) {
			break
		}
	}
	switch {
	case errors.Is(err, database.ErrCommit):
		return commitFailed(database.Translate(s.writer, err))
	case err != nil:
		return database.Translate(s.writer, err)
	}
	s.committed(entries)
	return nil
}

func (s *Store) tryBatch(ctx context.Context, sends []*send) ([]models.LogEntry, error) {
	pool, err := s.writer.DB()
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // returns it to the pool; a broken one is not kept
	if !s.dialect.Shared() {
		ctx = context.WithoutCancel(ctx) // SQLite's waits have limits of their own; the driver would watch each statement
	}
	b := &batchTx{
		conn:        database.ConnTx{Ctx: ctx, Conn: conn},
		transaction: &transaction{DB: onConn(s.writer.WithContext(ctx), conn), store: s},
	}
	defer b.rollback()
	return b.storeSends(sends)
}

// onConn is db on one connection.
func onConn(db *gorm.DB, conn *sql.Conn) *gorm.DB {
	db.Statement.ConnPool = conn
	return db
}

// rollback takes back what was not committed. A connection on which that fails is not used again.
func (b *batchTx) rollback() {
	if !b.conn.Begun || b.done {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.conn.Ctx), rollbackTimeout)
	defer cancel()
	if _, err := b.conn.Conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		b.discard()
	}
}

// discard has database/sql close the connection instead of keeping it.
func (b *batchTx) discard() {
	_ = b.conn.Conn.Raw(func(any) error { return driver.ErrBadConn })
}

// storeSends stores a batch of sends and appends their events, in the batch's order within each room. It returns the
// events, once they are committed. What is wrong with one send is left in its err and fails no other; an error that it
// returns fails the transaction.
func (b *batchTx) storeSends(sends []*send) ([]models.LogEntry, error) {
	ready, err := b.claimKeys(sends)
	if err != nil {
		return nil, err
	}
	if len(ready) == 0 {
		return nil, errNothingStored
	}
	rooms, senders, err := b.lockRooms(ready)
	if err != nil {
		return nil, err
	}
	direct, err := b.directRooms(rooms)
	if err != nil {
		return nil, err
	}
	files, err := b.lockFiles(ready)
	if err != nil {
		return nil, err
	}
	stored := database.NewBatch(len(ready))
	for _, p := range ready {
		room, sender, err := b.authorizeSend(p, rooms, senders, direct.blocked)
		if err == nil {
			err = p.validate(room, files)
		}
		if err != nil {
			if err := b.reject(p, err); err != nil {
				return nil, err
			}
			continue
		}
		m := p.newMessage(room, sender.UserRef)
		sender.SentCount++
		p.SenderSeq = sender.SentCount
		if err := b.attach(&m, p.n.FileIDs, files); err != nil {
			return nil, err
		}
		p.encode(m)
		stored.Add(&p.Post, room)
	}
	if len(stored.Posts) == 0 {
		return nil, errNothingStored
	}
	if err := b.relistDirect(stored, direct.left); err != nil {
		return nil, err
	}
	return b.commit(stored, ready)
}

// claimKeys claims the Idempotency-Keys of the batch, in the order of the keys: two nodes that claimed them in
// different orders would wait for each other. It returns the sends that are to be stored.
func (b *batchTx) claimKeys(sends []*send) ([]*send, error) {
	var keyed, ready []*send
	for _, p := range sends {
		p.sent, p.at, p.err = models.SentMessage{}, models.Cursor{}, p.ctx.Err()
		if p.err == nil && p.Key != nil {
			keyed = append(keyed, p)
		}
	}
	slices.SortFunc(keyed, func(a, b *send) int {
		return cmp.Or(cmp.Compare(a.Key.CallerID, b.Key.CallerID), cmp.Compare(a.Key.Path, b.Key.Path),
			cmp.Compare(a.Key.Key, b.Key.Key))
	})
	if err := b.claimSorted(keyed); err != nil {
		return nil, err
	}
	for _, p := range sends {
		if p.err == nil {
			ready = append(ready, p)
		}
	}
	// Room by room: messages of one room that follow each other in the log are written to its streams together.
	slices.SortStableFunc(ready, func(a, b *send) int { return cmp.Compare(a.roomID, b.roomID) })
	return ready, nil
}

// claimSorted claims the keys of sends. Sends whose key was used before get the response of the first call.
func (b *batchTx) claimSorted(keyed []*send) error {
	if len(keyed) == 0 {
		return nil
	}
	keys := make([]*models.IdempotentCall, len(keyed))
	for i, p := range keyed {
		keys[i] = p.Key
	}
	claimed, err := b.store.dialect.ClaimKeys(&b.conn, keys)
	if err != nil {
		return err
	}
	for _, p := range keyed {
		if claimed[database.KeyOf(p.Key)] {
			continue
		}
		err := b.store.storedResponse(b.DB, p.Key)
		if !isRefusal(err) {
			return err
		}
		p.err = err
	}
	return nil
}

func (b *batchTx) lockRooms(
	ready []*send,
) (map[int64]*database.Room, map[database.MembershipKey]*database.Sender, error) {
	var ids []int64
	var senders []database.MembershipKey
	for _, p := range ready {
		ids = append(ids, p.roomID)
		senders = append(senders, memberKey(p.roomID, p.callerID))
	}
	slices.Sort(ids)
	slices.SortFunc(senders, func(a, b database.MembershipKey) int {
		return cmp.Or(cmp.Compare(a.RoomID, b.RoomID), cmp.Compare(a.UserID, b.UserID))
	})
	return b.store.dialect.LockRooms(&b.conn, slices.Compact(ids), slices.Compact(senders))
}

// authorizeSend returns the room and the sender, or why the send is refused.
func (b *batchTx) authorizeSend(
	p *send, rooms map[int64]*database.Room, senders map[database.MembershipKey]*database.Sender, blocked map[string]bool,
) (*database.Room, *database.Sender, error) {
	room, exists := rooms[p.roomID]
	sender, member := senders[memberKey(p.roomID, p.callerID)]
	switch {
	case exists && member && blocked[value(room.DirectKey)]:
		return nil, sender, blockedError()
	case exists && member:
		return room, sender, nil
	}
	if _, err := authorizeMember(b.DB, models.RoomPath{ID: p.roomID}, p.callerID); err != nil {
		return nil, sender, err
	}
	return nil, sender, models.NotFound()
}

// validate checks what a message refers to.
func (p *send) validate(room *database.Room, files map[string]*fileRow) error {
	// A reply stays valid when the message was deleted or cleared while the reply was written.
	if to := p.n.ReplyTo; to != nil && *to > room.LastMessageID {
		return models.Invalid("reply_to", "there is no message %d in this room", *to)
	}
	return p.validateFiles(files)
}

// newMessage makes the room's next message. Times never go back within a room, whatever the clocks of the nodes say:
// history by time relies on it.
func (p *send) newMessage(room *database.Room, sender models.UserRef) models.Message {
	room.LastMessageID++
	room.MessageCount++
	p.PriorActiveAt = room.ActiveAt
	room.LastMessageAt = max(room.LastMessageAt, room.ActiveAt, models.Now().Millis())
	room.ActiveAt = room.LastMessageAt
	m := models.Message{
		ID: room.LastMessageID, RoomID: room.ID, Subject: room.Subject, Sender: sender, Type: p.n.Type, Text: p.n.Text,
		Files: []models.File{}, Reactions: []models.Reaction{}, ClientID: value(p.n.ClientID),
		CreatedAt: models.FromMillis(room.LastMessageAt),
	}
	if m.Type == "" {
		m.Type = models.MessageText
	}
	if p.n.ReplyTo != nil {
		m.ReplyTo = *p.n.ReplyTo
	}
	return m
}

// encode makes the message's JSON, after which the message does not change any more.
func (p *send) encode(m models.Message) {
	const around = 256 // bytes of JSON around a text that needs no escapes
	p.sent = models.SentMessage{Message: m, JSON: append(m.AppendJSON(make([]byte, 0, len(m.Text)+around)), '\n')}
	p.Message = &p.sent.Message
}

// reject sets why p is not stored, and releases its key: a call that failed may be made again.
func (b *batchTx) reject(p *send, why error) error {
	if !isRefusal(why) {
		return why
	}
	p.err = why
	if p.Key == nil {
		return nil
	}
	return database.Exec(b.DB, "DELETE FROM idempotency_keys WHERE caller_id = ? AND path = ? AND key = ?",
		p.Key.CallerID, p.Key.Path, p.Key.Key)
}

// commit stores the batch, and returns its events. Those of sends that were not rejected are stored, in their order.
func (b *batchTx) commit(stored *database.Batch, sends []*send) ([]models.LogEntry, error) {
	last, err := b.store.dialect.CommitBatch(&b.conn, stored)
	if err != nil {
		return nil, err
	}
	b.done = true
	entries := make([]models.LogEntry, 0, len(stored.Posts))
	for _, p := range sends {
		if p.err != nil {
			continue
		}
		position := last - int64(len(stored.Posts)-1-len(entries))
		p.at = b.store.cursorAt(position)
		entries = append(entries, p.entry(position))
	}
	return entries, nil
}

// entry is the message's event.
func (p *send) entry(position int64) models.LogEntry {
	return models.LogEntry{
		Position: position, Name: models.EventMessageCreated, MessageID: p.sent.Message.ID,
		Data:     p.sent.JSON[:len(p.sent.JSON)-1],
		Audience: models.Audience{RoomID: p.roomID, UserID: p.callerID},
	}
}

// lockFiles locks and reads the files that sends name; a batch without files pays nothing.
func (tx *transaction) lockFiles(sends []*send) (map[string]*fileRow, error) {
	var ids []string
	for _, p := range sends {
		ids = append(ids, p.n.FileIDs...)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []*fileRow
	err := database.Scan(tx.DB, &rows,
		"SELECT "+fileColumns+" FROM files WHERE id IN ? ORDER BY id"+tx.store.dialect.ForUpdate(), ids)
	files := make(map[string]*fileRow, len(rows))
	for _, r := range rows {
		files[r.ID] = r
	}
	return files, err
}

// validateFiles checks the files that a message names: they are the sender's own, of this room, and no other message's.
func (p *send) validateFiles(files map[string]*fileRow) error {
	named := map[string]bool{}
	for i, id := range p.n.FileIDs {
		field := fmt.Sprintf("file_ids[%d]", i)
		f := files[id]
		switch {
		case f == nil, f.RoomID != p.roomID, f.UserID != p.callerID:
			return models.Invalid(field, "you have no file %q in this room", id)
		case f.MessageID != 0, named[id]:
			return models.Invalid(field, "the file %q belongs to a message already", id)
		case p.n.Type == models.MessageImage && f.Width == 0:
			return models.Errorf(models.CodeBadFile, "The file %q is no picture that can be read.", id)
		}
		named[id] = true
	}
	return nil
}

// attach gives the message its files.
func (tx *transaction) attach(m *models.Message, ids []string, files map[string]*fileRow) error {
	for place, id := range ids {
		f := files[id]
		f.MessageID = m.ID
		err := database.Exec(tx.DB, "UPDATE files SET message_id = ?, place = ? WHERE id = ?", m.ID, place, id)
		if err != nil {
			return err
		}
		m.Files = append(m.Files, f.model())
	}
	return nil
}
