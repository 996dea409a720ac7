package database

import (
	"context"
	"database/sql"
	"time"

	"gorm.io/gorm"

	"github.com/parley-chat/parley/models"
)

// Dialect is what differs between the two databases.
type Dialect interface {
	// Claim is called first. It takes a database for this process alone if it is not made for several. It refuses a
	// database that a newer version has migrated, or that is not intact, and has changed nothing then.
	Claim(ctx context.Context) (release func() error, err error)
	// Open opens the pool that writes and the pool that reads; they may be the same.
	Open(ctx context.Context) (writer, reader *gorm.DB, err error)
	// Migrate runs the migrations under a lock, so that several nodes can start at once.
	Migrate(ctx context.Context) error
	// Migrations lists the migrations and when they were applied.
	Migrations(ctx context.Context) ([]Migration, error)
	// Origins names the place where the database lives, as far as the database can tell. Of two names either one is valid,
	// and the first one is to be stored.
	Origins(ctx context.Context, db *gorm.DB) ([]string, error)
	// LeaveMark stores in the database what Origins will return next time if it is still the same database.
	LeaveMark(ctx context.Context, db *gorm.DB) error
	// Shared reports whether several processes may use the database at the same time.
	Shared() bool
	// ForUpdate is the clause that locks the rows of a SELECT until the transaction ends.
	ForUpdate() string
	// SkipLocked is ForUpdate that skips rows which another transaction holds.
	SkipLocked() string
	// Transient reports whether a transaction that failed with err did nothing and may be run again.
	Transient(err error) bool
	// Refused reports whether a statement failed because of the values that it was to store: it would fail again.
	Refused(err error) bool
	// LimitIdle has the database end the transaction, and its connection, if it waits that long for a statement.
	LimitIdle(tx *gorm.DB, limit time.Duration) error

	SendDriver
	LogWriter
	Lookups
	PageReader
	SearchIndex
}

// SendDriver works on all messages of one commit together: with few round trips on PostgreSQL, where these are the
// cost; with prepared statements in a loop on SQLite, where they cost nothing. It goes to the driver, past gorm and
// database/sql.
type SendDriver interface {
	// Begin begins the transaction.
	Begin(t *ConnTx) error
	// ClaimKeys begins the transaction and claims Idempotency-Keys, in their order. It returns those that nobody had used.
	ClaimKeys(t *ConnTx, keys []*models.IdempotentCall) (map[IdempotencyKey]bool, error)
	// LockRooms begins the transaction if it has not begun, locks the rooms in the order of their ids, and then reads
	// which of the senders are members.
	LockRooms(t *ConnTx, roomIDs []int64, senders []MembershipKey) (map[int64]*Room, map[MembershipKey]*Sender, error)
	// CommitBatch stores the messages and commits. It returns the position of the last event. The error is ErrCommit if it
	// is not known whether the commit took place.
	CommitBatch(t *ConnTx, b *Batch) (last int64, err error)
}

// LogWriter writes the log in transactions that are not a commit of sends.
type LogWriter interface {
	// InsertEvents writes events that have their positions into the log.
	InsertEvents(tx *gorm.DB, entries []models.LogEntry, now int64) error
}

// Lookups reads what almost every request asks for.
type Lookups interface {
	// Sessions reads sessions into found.
	Sessions(ctx context.Context, db *gorm.DB, ids []string, found map[string]Session) error
	// Members reads memberships into found.
	Members(ctx context.Context, db *gorm.DB, keys []MembershipKey, found map[MembershipKey]Member) error
}

// PageReader reads pages of lists.
type PageReader interface {
	// ReadPage is Query and While for statements that return many rows with many columns. got does not query: it is called
	// while the connection is in use.
	ReadPage(db *gorm.DB, got func() bool, dest []any, statement string, args ...any) error
}

// SearchIndex finds messages by their words. Removal needs no call: triggers remove a message that is deleted or
// becomes a tombstone (migrations/*/00003_search.sql).
type SearchIndex interface {
	// IndexState returns how far the index is.
	IndexState(db *gorm.DB) (IndexState, error)
	// AddToIndex adds messages that are in the order of their rooms and ids, except for those that were edited or deleted
	// since their texts were read: an edit has indexed its message, and a tombstone has no words.
	AddToIndex(tx *gorm.DB, messages []IndexedMessage) error
	// IndexMessages replaces what messages are found by.
	IndexMessages(tx *gorm.DB, messages []IndexedMessage) error
	// FindWords finds messages in the index, of the spans and that match a query: at least the newest ones, up to limit.
	FindWords(db *gorm.DB, spans []Span, q WordQuery, limit int) ([]Hit, error)
}

// ConnTx is a transaction over one connection.
type ConnTx struct {
	Ctx   context.Context
	Conn  *sql.Conn
	Begun bool
}
