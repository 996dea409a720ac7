package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/pressly/goose/v3"

	"github.com/parley-chat/parley/migrations"
	"github.com/parley-chat/parley/models"
)

// schemed is an address of a kind (kind:…). One letter is a drive of Windows and no kind.
var schemed = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+:`)

// keywords is how PostgreSQL's own programs may be told of a database. Taken for a path, it would be a new, empty one.
var keywords = regexp.MustCompile(`(^|\s)(host|port|dbname|user|service)\s*=`)

// errFolder is what a path of a folder in place of a database's file comes to.
var errFolder = errors.New("it is a folder: name a file in it")

// dialectFor finds what database names: postgres://…, postgresql://…, sqlite:PATH, or the path of a SQLite file.
func dialectFor(database string) (dialect, error) {
	kind := strings.TrimSuffix(schemed.FindString(database), ":")
	switch {
	case strings.HasPrefix(database, "postgres://"), strings.HasPrefix(database, "postgresql://"):
		return postgresDialect{url: database}, nil
	case kind == "sqlite":
		return sqliteAt(strings.TrimPrefix(database, "sqlite:"))
	case kind != "":
		return nil, fmt.Errorf("%s: is no database that Parley knows: it is postgres://…, or the path of a SQLite file", kind)
	case keywords.MatchString(database):
		return nil, errors.New("a PostgreSQL database is named by a URL: postgres://user@host/name")
	}
	return sqliteAt(database)
}

// sqliteAt follows symbolic links, as SQLite does for the files that it keeps beside the database.
func sqliteAt(path string) (dialect, error) {
	if path == "" || strings.HasPrefix(path, ":") {
		return nil, fmt.Errorf("%q is not the path of a file", path)
	}
	path = filepath.Clean(path)
	if target, err := filepath.EvalSymlinks(path); err == nil {
		path = target
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil, fmt.Errorf("%s cannot be a database: %w", path, errFolder)
	}
	return sqliteDialect{path: path}, nil
}

// Shared reports whether several servers may be at work on a database, as they may on PostgreSQL. The error is about a
// name that is no database's.
func Shared(database string) (bool, error) {
	d, err := dialectFor(database)
	return err == nil && d.shared(), err
}

// Describe names a database for people: its kind and its place, without a password.
func Describe(database string) string {
	d, err := dialectFor(database)
	if err != nil {
		return err.Error()
	}
	if d, ok := d.(sqliteDialect); ok {
		return "SQLite, " + d.path
	}
	u, err := url.Parse(database)
	if err != nil {
		return "PostgreSQL"
	}
	host := u.Host
	if socket := u.Query().Get("host"); host == "" {
		host = socket
	}
	return "PostgreSQL, " + host + u.Path
}

// lockRetry is how often a start asks whether another one has finished migrating.
const lockRetry = 50 * time.Millisecond

// Migration is one step of the schema. AppliedAt is zero while it is pending.
type Migration struct {
	Name      string
	AppliedAt models.Time
}

// Migrate brings database (a URL or a path, as in Config) to the newest schema. It is safe when several nodes do it at
// once. A SQLite database that a server has open is not migrated.
func Migrate(ctx context.Context, database string) (err error) {
	d, err := dialectFor(database)
	if err != nil {
		return err
	}
	release, err := d.claim(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return d.migrate(ctx)
}

// Migrations lists the migrations of database in their order.
func Migrations(ctx context.Context, database string) ([]Migration, error) {
	d, err := dialectFor(database)
	if err != nil {
		return nil, err
	}
	return d.migrations(ctx)
}

func newProvider(d goose.Dialect, pool *sql.DB, folder string, options ...goose.ProviderOption) (*goose.Provider, error) {
	files, err := fs.Sub(migrations.FS, folder)
	if err == nil {
		var p *goose.Provider
		if p, err = goose.NewProvider(d, pool, files, options...); err == nil {
			return p, nil
		}
	}
	return nil, errors.Join(err, pool.Close())
}

func statusOf(ctx context.Context, p *goose.Provider) ([]Migration, error) {
	all, err := p.Status(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Migration, 0, len(all))
	for _, m := range all {
		step := Migration{Name: filepath.Base(m.Source.Path)}
		if m.State == goose.StateApplied {
			step.AppliedAt = models.At(m.AppliedAt)
		}
		list = append(list, step)
	}
	return list, nil
}
