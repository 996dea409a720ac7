package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"time"

	"gorm.io/gorm"

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
	found := wordindex.KeyOf(n.Text)
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

const (
	// groupTimeout bounds one group's transaction. It is not any one request's to cancel.
	groupTimeout = 10 * time.Second
	// rollbackTimeout bounds the end of one that failed.
	rollbackTimeout = 2 * time.Second
)

// groupTx is the transaction of the messages that are committed together. What every group does goes to the driver past
// gorm and database/sql, which cost more than the statements themselves; what few do goes through gorm, over the same
// connection.
type groupTx struct {
	*change
	ctx   context.Context
	conn  *sql.Conn
	begun bool
	done  bool // committed
}

// groupDriver is the part of a dialect that works on all rows of a group at once: few round trips on PostgreSQL, where
// they are what it costs; prepared statements in a loop on SQLite, where they are not.
type groupDriver interface {
	// begin begins the transaction. It is called once, by groupTx.begin.
	begin(g *groupTx) error
	// takeKeys begins the transaction and takes the Idempotency-Keys of sends, in their order. It answers which of them
	// nobody had before.
	takeKeys(g *groupTx, keyed []*send) (map[onceName]bool, error)
	// lockPosts begins the transaction, if it has not begun, locks the rooms, in the order of their ids, and then reads who
	// of the posts' senders is a member. Of the rooms, only what a post needs is there.
	lockPosts(g *groupTx, roomIDs []int64, posts []posting) (map[int64]*roomRow, map[posting]*poster, error)
	// commitPosts stores what is posted and commits. It answers the position of the last event. The error is errCommit if
	// nobody knows whether the commit took place.
	commitPosts(g *groupTx, w *posted) (last int64, err error)
	insertEvents(tx *gorm.DB, entries []models.LogEntry, now int64) error
}

// postGroup stores sends in a transaction, until it is committed or has failed for good.
func (s *Store) postGroup(sends []*send) error {
	ctx, cancel := context.WithTimeout(context.Background(), groupTimeout)
	defer cancel()
	var entries []models.LogEntry
	var err error
	for range changeTries {
		entries, err = s.tryGroup(ctx, sends)
		if err == nil || !s.dialect.transient(err) {
			break
		}
	}
	switch {
	case errors.Is(err, errCommit):
		return commitFailed(judged(s.writer, err))
	case err != nil:
		return judged(s.writer, err)
	}
	s.committed(entries)
	return nil
}

func (s *Store) tryGroup(ctx context.Context, sends []*send) ([]models.LogEntry, error) {
	pool, err := s.writer.DB()
	if err != nil {
		return nil, err
	}
	conn, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }() // gives it back; one that is broken is not kept
	if !s.dialect.shared() {
		ctx = context.WithoutCancel(ctx) // what SQLite waits for has bounds of its own; the driver would watch each statement
	}
	g := &groupTx{ctx: ctx, conn: conn, change: &change{DB: over(s.writer.WithContext(ctx), conn), store: s}}
	defer g.end()
	return g.post(sends)
}

// over is db on one connection.
func over(db *gorm.DB, conn *sql.Conn) *gorm.DB {
	db.Statement.ConnPool = conn
	return db
}

func (g *groupTx) begin() error {
	if g.begun {
		return nil
	}
	g.begun = true
	return g.store.dialect.begin(g)
}

// end takes back what was not committed. A connection on which that fails is not used again.
func (g *groupTx) end() {
	if !g.begun || g.done {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(g.ctx), rollbackTimeout)
	defer cancel()
	if _, err := g.conn.ExecContext(ctx, "ROLLBACK"); err != nil {
		g.discard()
	}
}

// discard makes database/sql close the connection instead of keeping it.
func (g *groupTx) discard() {
	_ = g.conn.Raw(func(any) error { return driver.ErrBadConn })
}
