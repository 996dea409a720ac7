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
