package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"

	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	sqlitedb "github.com/parley-chat/parley/models/store/internal/sqlite"
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
	return d.uri(q)
}

func (d sqliteDialect) uri(q url.Values) string {
	return "file:" + (&url.URL{Path: d.path}).EscapedPath() + "?" + q.Encode()
}

func (d sqliteDialect) open(ctx context.Context) (writer, reader *gorm.DB, err error) {
	if err := d.beginRun(); err != nil {
		return nil, nil, err
	}
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
	return openGorm(sqlitedb.NewDialector(pool), gormConfig())
}

func (sqliteDialect) shared() bool { return false }

func (sqliteDialect) forUpdate() string { return "" }

func (sqliteDialect) skipLocked() string { return "" }

func (sqliteDialect) transient(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && e.Code()&0xff == sqlite3.SQLITE_BUSY
}

func (d sqliteDialect) provider() (*goose.Provider, *sql.DB, error) {
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
	_, err = p.Up(ctx)
	return err
}

// migrations looks into a database that a server may have open; then that server has checked its files.
func (d sqliteDialect) migrations(ctx context.Context) (_ []Migration, err error) {
	if _, err := os.Stat(d.path); err != nil {
		return nil, fmt.Errorf("there is no database yet: %w", err)
	}
	if lock, lockErr := LockFile(ctx, d.path+lockEnding, 0); lockErr == nil {
		defer func() { err = errors.Join(err, lock()) }()
		err = d.checkFiles()
	} else if !errors.Is(lockErr, ErrLocked) {
		err = lockErr
	}
	if err != nil {
		return nil, err
	}
	p, pool, err := d.provider()
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	return statusOf(ctx, p)
}
