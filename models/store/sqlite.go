package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"

	"github.com/gofrs/flock"
	"github.com/pressly/goose/v3"
	gormsqlite "gorm.io/driver/sqlite"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteReaders is how many connections read beside the one that writes. In WAL mode they never wait for it.
const sqliteReaders = 8

// sqliteCheckpoint is the length of the file's log, in pages (16 MB), at which a commit moves its pages into the file. By
// then many of them have changed often and are moved once.
const sqliteCheckpoint = "wal_autocheckpoint(4000)"

type sqliteDialect struct{ path string }

// dsn opens the file as durably as SQLite can (FULL: a commit survives a power cut), every transaction as a writer from
// its start (one that reads first and writes later fails under load with SQLITE_BUSY, whatever the timeout).
func (d sqliteDialect) dsn(pragmas ...string) string {
	q := url.Values{"_txlock": {"immediate"}}
	for _, p := range append([]string{
		"busy_timeout(10000)", "journal_mode(WAL)", "synchronous(FULL)", "foreign_keys(1)",
	}, pragmas...) {
		q.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: d.path}).EscapedPath() + "?" + q.Encode()
}

func (d sqliteDialect) open(ctx context.Context) (writer, reader *gorm.DB, err error) {
	if writer, err = d.pool(ctx, 1, "cache_size(-16000)", sqliteCheckpoint); err != nil {
		return nil, nil, err
	}
	if reader, err = d.pool(ctx, sqliteReaders, "query_only(1)", "cache_size(-4000)"); err != nil {
		return nil, nil, err
	}
	return writer, reader, nil
}

func (d sqliteDialect) pool(ctx context.Context, size int, pragmas ...string) (*gorm.DB, error) {
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
	return openGorm(translatingDialector{gormsqlite.Dialector{Conn: pool}}, gormConfig())
}

// translatingDialector teaches gorm the errors of the pure Go driver; it knows only those of the C one.
type translatingDialector struct{ gormsqlite.Dialector }

func (translatingDialector) Translate(err error) error {
	var e *sqlite.Error
	if errors.As(err, &e) {
		switch e.Code() {
		case sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY, sqlite3.SQLITE_CONSTRAINT_UNIQUE:
			return gorm.ErrDuplicatedKey
		case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
			return gorm.ErrForeignKeyViolated
		}
		switch e.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN:
			return unavailable(err)
		}
	}
	return err
}

func (sqliteDialect) shared() bool { return false }

func (sqliteDialect) forUpdate() string { return "" }

func (sqliteDialect) transient(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

func (d sqliteDialect) provider() (*goose.Provider, *sql.DB, error) {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return nil, nil, err
	}
	pool, err := sql.Open("sqlite", d.dsn())
	if err != nil {
		return nil, nil, err
	}
	p, err := newProvider(goose.DialectSQLite3, pool, "sqlite")
	return p, pool, err
}

func (d sqliteDialect) migrate(ctx context.Context) (err error) {
	p, pool, err := d.provider()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	// SQLite has no lock that outlives a transaction, so starts that meet wait for each other at a file.
	lock := flock.New(d.path + ".migrating")
	if _, err := lock.TryLockContext(ctx, lockRetry); err != nil {
		return fmt.Errorf("wait for another start: %w", err)
	}
	defer func() { err = errors.Join(err, lock.Unlock()) }()
	_, err = p.Up(ctx)
	return err
}

func (d sqliteDialect) migrations(ctx context.Context) (_ []Migration, err error) {
	if _, err := os.Stat(d.path); err != nil {
		return nil, fmt.Errorf("there is no database yet: %w", err)
	}
	p, pool, err := d.provider()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	return statusOf(ctx, p)
}
