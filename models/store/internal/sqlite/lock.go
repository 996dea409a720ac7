package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"

	"github.com/parley-chat/parley/models/filelock"
	"github.com/parley-chat/parley/models/store/internal/database"
)

// lockEnding names the file beside the database that the process which has the database open holds a lock on. The
// kernel releases it when that process ends, in any way. The file stays.
const lockEnding = ".lock"

// Claim implements [database.Dialect]. It locks the database for this process, for as long as it is open. Then it
// checks the files, and refuses a schema that is newer than this version, and files that do not belong together, before
// it changes anything.
func (d Dialect) Claim(ctx context.Context) (release func() error, err error) {
	if err := os.MkdirAll(filepath.Dir(d.path), 0o700); err != nil {
		return nil, err
	}
	lock, err := filelock.Lock(ctx, d.path+lockEnding, filelock.Wait)
	if errors.Is(err, filelock.ErrLocked) {
		return nil, fmt.Errorf("another Parley process uses the database %s: only one server at a time", d.path)
	}
	if err != nil {
		return nil, err
	}
	if err := errors.Join(d.checkFiles(), d.checkSchema(ctx)); err != nil {
		return nil, errors.Join(err, lock())
	}
	if err := errors.Join(d.closeToOthers(), d.applyLog(ctx)); err != nil {
		return nil, errors.Join(err, lock())
	}
	return lock, nil
}

// checkSchema refuses a database that a newer version has migrated. It only reads.
func (d Dialect) checkSchema(ctx context.Context) (err error) {
	info, err := os.Stat(d.path)
	if errors.Is(err, fs.ErrNotExist) || err == nil && info.Size() == 0 {
		return nil
	}
	if err != nil {
		return err
	}
	q := url.Values{"mode": {"ro"}, "immutable": {"1"}} // otherwise SQLite creates files beside the database, even to read
	if log, err := os.Stat(d.path + logEnding); err == nil && log.Size() > 0 {
		// the log has committed changes, and belongs to this database
		q = url.Values{"mode": {"ro"}, "_pragma": {"busy_timeout(10000)"}}
	}
	pool, err := sql.Open("sqlite", d.uri(q))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, pool.Close()) }()
	pool.SetMaxOpenConns(1)
	return database.CheckVersion(ctx, pool, "sqlite", "SELECT count(*) > 0 FROM sqlite_schema WHERE name = "+
		"'"+database.VersionTable+"'")
}

// applyLog moves what a crash has left in the database's log into its file, so that from here on the file alone is the
// database, and then records the run that the log will belong to.
func (d Dialect) applyLog(ctx context.Context) (err error) {
	if log, err := os.Stat(d.path + logEnding); err == nil && log.Size() > 0 {
		pool, err := sql.Open("sqlite", d.dsn())
		if err != nil {
			return err
		}
		pool.SetMaxOpenConns(1)
		var busy, pages, moved int
		err = pool.QueryRowContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)").Scan(&busy, &pages, &moved)
		if err := errors.Join(err, pool.Close()); err != nil {
			return err
		}
	}
	return d.noteRun()
}

// closeToOthers lets only the server's own account read the database and its files. SQLite creates its files with the
// mode of the database, which is therefore created here.
func (d Dialect) closeToOthers() error {
	file, err := os.OpenFile(d.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	for _, ending := range []string{"", logEnding, indexEnding, journalEnding, MarkEnding, lockEnding} {
		if err := closeToOthers(d.path + ending); err != nil {
			return err
		}
	}
	return nil
}

// closeToOthers removes the rights of others to a file. A file that does not exist, or may not be changed, stays as it
// is.
func closeToOthers(path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil || info.Mode().Perm()&0o077 == 0 {
		return err
	}
	if err := os.Chmod(path, info.Mode().Perm()&0o700); err != nil && !errors.Is(err, fs.ErrPermission) {
		return err
	}
	return nil
}
