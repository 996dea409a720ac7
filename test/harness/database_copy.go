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

// migratedSQLite returns the file of a SQLite database with the newest schema and without rows, which no server has
// opened. The migrations run once for each test process.
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
		return nil, errors.New("the migrations left a WAL file: a copy of the database file would be incomplete")
	}
	return os.ReadFile(path)
})

// NewSQLite creates a migrated SQLite database without rows and returns its path. It is removed at the end of the test.
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

// templateLock is the key of the PostgreSQL advisory lock that keeps two test processes from creating the template at
// the same time.
const templateLock = 7_160_016

// templateMutex does the same within a process. Without it, each waiting test would hold a connection.
var templateMutex sync.Mutex

// migratedPostgres creates the template database with the current schema if it does not exist yet, and returns its
// name. The name depends on the content of the migrations, so that other processes and later runs share the template.
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
	// The template has another name until it is complete: an interrupted run must not leave one that lacks a table.
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

// templateName returns the name of the template, which contains a digest of the migrations.
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

// databaseAt returns the URL of another database on the same server.
func databaseAt(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	u.Path = "/" + name
	return u.String()
}
