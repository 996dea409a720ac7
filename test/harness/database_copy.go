package harness

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/migrations"
	"github.com/parley-chat/parley/models/store"
)

// migratedSQLite is a SQLite database at the newest schema, without a row of Parley's, which was never served. The
// migrations run once for a process of tests.
var migratedSQLite = sync.OnceValues(func() (file []byte, err error) {
	folder, err := os.MkdirTemp("", "parley-migrated-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "parley.db")
	if err := store.Migrate(context.Background(), path); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		return nil, errors.New("the migrations left a log beside the file: a copy of the file would lack it")
	}
	return os.ReadFile(path)
})

// NewSQLite makes a migrated SQLite database without rows, which lives as long as the test.
func NewSQLite(t testing.TB) string {
	t.Helper()
	file, err := migratedSQLite()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "parley.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// templateLock keeps two processes of tests from making the template at once. PostgreSQL knows it by number alone.
const templateLock = 7_160_016

// templateMutex does the same within a process, whose tests would each hold a connection for the wait.
var templateMutex sync.Mutex

// migratedPostgres makes sure that the server has a template with today's schema, and returns its name, which is that of
// the migrations' content: processes and later runs share it.
func migratedPostgres(ctx context.Context, admin *pgx.Conn, address string) (name string, err error) {
	templateMutex.Lock()
	defer templateMutex.Unlock()
	if name, err = templateName(); err != nil {
		return "", err
	}
	if _, err := admin.Exec(ctx, "SELECT pg_advisory_lock($1)", templateLock); err != nil {
		return "", err
	}
	defer func() {
		_, unlockErr := admin.Exec(ctx, "SELECT pg_advisory_unlock($1)", templateLock)
		err = errors.Join(err, unlockErr)
	}()
	var exists bool
	err = admin.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err != nil || exists {
		return name, err
	}
	// Under another name until it is whole: a run that is broken off leaves no template that lacks a table.
	unfinished := name + "_unfinished"
	if _, err := admin.Exec(ctx, "DROP DATABASE IF EXISTS "+unfinished+" WITH (FORCE)"); err != nil {
		return "", err
	}
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+unfinished); err != nil {
		return "", err
	}
	if err := store.Migrate(ctx, databaseAt(address, unfinished)); err != nil {
		return "", err
	}
	_, err = admin.Exec(ctx, "ALTER DATABASE "+unfinished+" RENAME TO "+name)
	return name, err
}

// templateName names the template after what is in the migrations.
func templateName() (string, error) {
	content := sha256.New()
	err := fs.WalkDir(migrations.FS, "postgres", func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := fs.ReadFile(migrations.FS, path)
		content.Write([]byte(path))
		content.Write(text)
		return err
	})
	return "parley_template_" + hex.EncodeToString(content.Sum(nil)[:8]), err
}

// databaseAt is the address of another database of the same server.
func databaseAt(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	u.Path = "/" + name
	return u.String()
}
