package databases

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/migrations"
)

// A Template creates databases with the newest schema and without rows, as copies of one that was migrated once: a test
// would spend more time in the migrations than in what it tests.
type Template struct {
	migrate func(ctx context.Context, database string) error
	sqlite  func() (file []byte, err error)
}

// NewTemplate returns a template that is migrated with migrate, which is store.Migrate.
func NewTemplate(migrate func(ctx context.Context, database string) error) *Template {
	return &Template{migrate: migrate, sqlite: sync.OnceValues(func() ([]byte, error) { return migratedSQLite(migrate) })}
}

// OnEach runs a test on SQLite and on PostgreSQL, each with a database of its own.
func (p *Template) OnEach(t *testing.T, f func(t *testing.T, database string)) {
	t.Helper()
	onEach(t, f, p.SQLite, p.Postgres)
}

// SQLite creates a SQLite database and returns its path. It is removed at the end of the test.
func (p *Template) SQLite(t testing.TB) string {
	t.Helper()
	file, err := p.sqlite()
	if err != nil {
		t.Fatal(err)
	}
	path := EmptySQLite(t)
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// Postgres creates a PostgreSQL database and returns its URL. It is dropped at the end of the test. The test is skipped
// if there is no PostgreSQL; in CI it fails.
func (p *Template) Postgres(t testing.TB) string {
	t.Helper()
	return createPostgres(t, p.migratedPostgres)
}

// migratedSQLite returns the file of a SQLite database that was migrated and that no server has opened.
func migratedSQLite(migrate func(ctx context.Context, database string) error) (file []byte, err error) {
	folder, err := os.MkdirTemp("", "parley-migrated-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	path := filepath.Join(folder, "parley.db")
	if err := migrate(context.Background(), path); err != nil {
		return nil, err
	}
	if _, err := os.Stat(path + "-wal"); err == nil {
		return nil, errors.New("the migrations left a WAL file: a copy of the database file would be incomplete")
	}
	return os.ReadFile(path)
}

// templateLock is the key of the PostgreSQL advisory lock that keeps two test processes from creating the template at
// the same time.
const templateLock = 7_160_016

// templateMutex does the same within a process. Without it, each waiting test would hold a connection.
var templateMutex sync.Mutex

// migratedPostgres creates the template database with the current schema if it does not exist yet, and returns its
// name. The name depends on the content of the migrations, so that other processes and later runs share the template.
func (p *Template) migratedPostgres(
	ctx context.Context, admin *pgx.Conn, address string,
) (name string, err error) {
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
	if err := p.migrate(ctx, databaseAt(address, unfinished)); err != nil {
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
