package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"time"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/parley-chat/parley/models/filelock"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// readers is the number of connections that read beside the one that writes. In WAL mode they never wait for it.
const readers = 8

// checkpointPragma has the write-ahead log moved into the file when it has 4,000 pages (16 MB). By then many of them
// have changed often and are moved once.
const checkpointPragma = "wal_autocheckpoint(4000)"

// Dialect is a SQLite database.
type Dialect struct{ path string }

// New returns the dialect of the database in a file. Symbolic links in the path must have been followed, as SQLite does
// for the files that it keeps beside the database.
func New(path string) Dialect { return Dialect{path} }

// Path is the path of the file.
func (d Dialect) Path() string { return d.path }

// dsn opens the file as durably as SQLite can (FULL: a commit survives a power cut), and each transaction as a writer
// from its start: one that reads first and writes later fails under load with SQLITE_BUSY, whatever the timeout.
func (d Dialect) dsn(pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}}
	for _, p := range append([]string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}, pragmas...) {
		q.Add("_pragma", p)
	}
	return d.uri(q)
}

func (d Dialect) uri(q url.Values) string {
	return "file:" + (&url.URL{Path: d.path}).EscapedPath() + "?" + q.Encode()
}

// Open implements [database.Dialect].
func (d Dialect) Open(ctx context.Context) (writer, reader *gorm.DB, err error) {
	if err := d.beginRun(); err != nil {
		return nil, nil, err
	}
	if writer, err = d.pool(ctx, 1, "cache_size(-16000)", checkpointPragma); err != nil {
		return nil, nil, err
	}
	if reader, err = d.pool(ctx, readers, "query_only(1)", "cache_size(-4000)"); err != nil {
		return nil, nil, err
	}
	return writer, reader, nil
}

func (d Dialect) pool(ctx context.Context, size int, pragmas ...string) (*gorm.DB, error) {
	connector, err := newSQLiteConnector(d.dsn(pragmas...))
	if err != nil {
		return nil, err
	}
	pool := sql.OpenDB(connector)
	pool.SetMaxOpenConns(size)
	pool.SetMaxIdleConns(size)
	if err := pool.PingContext(ctx); err != nil {
		return nil, errors.Join(err, pool.Close())
	}
	return database.OpenGorm(dialector{pool})
}

// Shared implements [database.Dialect]. A file is open in one process at a time.
func (Dialect) Shared() bool { return false }

// ForUpdate implements [database.Dialect]. The one writer needs no locks.
func (Dialect) ForUpdate() string { return "" }

// SkipLocked implements [database.Dialect].
func (Dialect) SkipLocked() string { return "" }

// Transient implements [database.Dialect].
func (Dialect) Transient(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

// Refused implements [database.Dialect].
func (Dialect) Refused(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH, sqlite3.SQLITE_TOOBIG:
		return true
	}
	return false
}

// LimitIdle implements [database.Dialect]. The one process that uses the file does not lose its connection.
func (Dialect) LimitIdle(*gorm.DB, time.Duration) error { return nil }

// Provider returns what runs the migrations, and the pool that it uses, which the caller closes.
func (d Dialect) Provider() (*goose.Provider, *sql.DB, error) {
	pool, err := sql.Open("sqlite", d.dsn())
	if err != nil {
		return nil, nil, err
	}
	p, err := database.NewProvider(goose.DialectSQLite3, pool, "sqlite")
	return p, pool, err
}

// Migrate implements [database.Dialect].
func (d Dialect) Migrate(ctx context.Context) (err error) {
	p, pool, err := d.Provider()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	_, err = p.Up(ctx)
	return err
}

// Migrations implements [database.Dialect]. A server may have the database open; then that server has checked its
// files.
func (d Dialect) Migrations(ctx context.Context) (_ []database.Migration, err error) {
	if _, err := os.Stat(d.path); err != nil {
		return nil, fmt.Errorf("the database does not exist yet: %w", err)
	}
	if lock, lockErr := filelock.Lock(ctx, d.path+lockEnding, 0); lockErr == nil {
		defer func() { err = errors.Join(err, lock()) }()
		err = d.checkFiles()
	} else if !errors.Is(lockErr, filelock.ErrLocked) {
		err = lockErr
	}
	if err != nil {
		return nil, err
	}
	p, pool, err := d.Provider()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	return database.Status(ctx, p)
}
