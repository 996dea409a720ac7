package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/parley-chat/parley/models/store/internal/database"
	"github.com/parley-chat/parley/models/store/internal/postgres"
	"github.com/parley-chat/parley/models/store/internal/sqlite"
)

// schemePattern is the scheme of an address (scheme:…). One letter is a drive of Windows and not a scheme.
var schemePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]+:`)

// keywordPattern is the other form in which PostgreSQL's programs take the name of a database. Taken for a path, it
// would be a new, empty database.
var keywordPattern = regexp.MustCompile(`(^|\s)(host|port|dbname|user|service)\s*=`)

// errFolder is the error of a path that names a folder.
var errFolder = errors.New("it is a folder; give the path of a file in it")

// dialectFor finds what name refers to: postgres://…, postgresql://…, sqlite:PATH, or the path of a SQLite file.
func dialectFor(name string) (database.Dialect, error) {
	scheme := strings.TrimSuffix(schemePattern.FindString(name), ":")
	switch {
	case strings.HasPrefix(name, "postgres://"), strings.HasPrefix(name, "postgresql://"):
		return postgres.New(name), nil
	case scheme == "sqlite":
		return sqliteAt(strings.TrimPrefix(name, "sqlite:"))
	case scheme != "":
		return nil, fmt.Errorf("%s: is not a supported database: use postgres://…, or the path of a SQLite file", scheme)
	case keywordPattern.MatchString(name):
		return nil, errors.New("a PostgreSQL database must be given as a URL: postgres://user@host/name")
	}
	return sqliteAt(name)
}

// sqliteAt follows symbolic links, as SQLite does for the files that it keeps beside the database.
func sqliteAt(path string) (database.Dialect, error) {
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
	return sqlite.New(path), nil
}

// Shared reports whether several servers may use a database at the same time, as they may with PostgreSQL. The error is
// about a name that is not one of a database.
func Shared(name string) (bool, error) {
	d, err := dialectFor(name)
	return err == nil && d.Shared(), err
}

// Describe returns the kind and the place of a database, without a password, for people to read.
func Describe(name string) string {
	d, err := dialectFor(name)
	if err != nil {
		return err.Error()
	}
	if d, ok := d.(sqlite.Dialect); ok {
		return "SQLite, " + d.Path()
	}
	u, err := url.Parse(name)
	if err != nil {
		return "PostgreSQL"
	}
	host := u.Host
	if socket := u.Query().Get("host"); host == "" {
		host = socket
	}
	return "PostgreSQL, " + host + u.Path
}

// Migration is one step of the schema. AppliedAt is zero while it is pending.
type Migration = database.Migration

// Migrate brings a database (a URL or a path, as in Config) to the newest schema. Several nodes may do it at the same
// time. A SQLite database that a server has open is not migrated.
func Migrate(ctx context.Context, name string) (err error) {
	d, err := dialectFor(name)
	if err != nil {
		return err
	}
	release, err := d.Claim(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return d.Migrate(ctx)
}

// Migrations lists the migrations of a database in their order.
func Migrations(ctx context.Context, name string) ([]Migration, error) {
	d, err := dialectFor(name)
	if err != nil {
		return nil, err
	}
	return d.Migrations(ctx)
}
