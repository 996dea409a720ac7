package harness

import (
	"database/sql"
	"strings"
	"testing"

	"github.com/parley-chat/parley/models/store"
	"github.com/parley-chat/parley/test/databases"
)

// migrated creates the databases of this test process.
var migrated = databases.NewTemplate(store.Migrate)

// OnEachDatabase runs a test on SQLite and on PostgreSQL, each with a migrated database of its own that has no rows.
func OnEachDatabase(t *testing.T, f func(t *testing.T, database string)) {
	t.Helper()
	migrated.OnEach(t, f)
}

// NewSQLite creates a migrated SQLite database without rows and returns its path. It is removed at the end of the test.
func NewSQLite(t testing.TB) string {
	t.Helper()
	return migrated.SQLite(t)
}

// NewPostgres creates a migrated PostgreSQL database without rows and returns its URL. It is dropped at the end of the
// test. The test is skipped if there is no PostgreSQL; in CI it fails.
func NewPostgres(t testing.TB) string {
	t.Helper()
	return migrated.Postgres(t)
}

// Execute runs a statement on a connection that is independent of the server under test.
func Execute(t *testing.T, database, statement string) {
	t.Helper()
	db := OpenDatabase(t, database)
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}

// OpenDatabase opens a database, which a server may have open too. The caller must close it.
func OpenDatabase(t testing.TB, database string) *sql.DB {
	t.Helper()
	driver, address := "sqlite", database+"?_pragma=busy_timeout(10000)" // the server may be writing
	if strings.HasPrefix(database, "postgres://") {
		driver, address = "pgx", database
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// QueryCount returns the single number that a query selects.
func QueryCount(t testing.TB, database, query string) (n int64) {
	t.Helper()
	db := OpenDatabase(t, database)
	defer func() { _ = db.Close() }()
	if err := db.QueryRowContext(t.Context(), query).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}
