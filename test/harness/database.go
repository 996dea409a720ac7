package harness

import (
	"context"
	"crypto/rand"
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// PostgresVariable names the variable with the address of a PostgreSQL in which tests may create databases. "make test"
// sets it.
const PostgresVariable = "PARLEY_TEST_POSTGRES"

// OnEachDatabase runs a test on SQLite and on PostgreSQL, each with a migrated database of its own that has no rows.
func OnEachDatabase(t *testing.T, f func(t *testing.T, database string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(t, NewSQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(t, NewPostgres(t))
	})
}

// OnEachEmptyDatabase is OnEachDatabase for tests of the migrations themselves: the databases have no table.
func OnEachEmptyDatabase(t *testing.T, f func(t *testing.T, database string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(t, filepath.Join(t.TempDir(), "parley.db"))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(t, createPostgres(t, func(context.Context, *pgx.Conn, string) (string, error) { return "template1", nil }))
	})
}

// NewPostgres creates a migrated PostgreSQL database without rows and returns its URL. It is dropped at the end of the
// test. The test is skipped if there is no PostgreSQL; in CI it fails.
func NewPostgres(t testing.TB) string {
	t.Helper()
	return createPostgres(t, migratedPostgres)
}

// createPostgres creates a database as a copy of the one whose name template returns.
func createPostgres(
	t testing.TB, template func(_ context.Context, admin *pgx.Conn, address string) (string, error),
) string {
	t.Helper()
	address := os.Getenv(PostgresVariable)
	if address == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(PostgresVariable + " is not set: this test needs PostgreSQL")
		}
		t.Skip(PostgresVariable + " is not set")
	}
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(ctx) }()
	from, err := template(ctx, admin, address)
	if err != nil {
		t.Fatal(err)
	}
	name := "test_" + strings.ToLower(rand.Text())
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+name+" TEMPLATE "+from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { DropPostgres(t, address, name) })
	return databaseAt(address, name)
}

// ConnectPostgres opens a connection to a database that is independent of the server under test.
func ConnectPostgres(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// DropPostgres drops a database of the PostgreSQL at address.
func DropPostgres(t testing.TB, address, name string) {
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, address)
	if err != nil {
		t.Error(err)
		return
	}
	defer func() { _ = admin.Close(ctx) }()
	if _, err := admin.Exec(ctx, "DROP DATABASE "+name+" WITH (FORCE)"); err != nil {
		t.Error(err)
	}
}

// Execute runs a statement on a connection that is independent of the server under test.
func Execute(t *testing.T, database, statement string) {
	t.Helper()
	driver, address := "sqlite", database+"?_pragma=busy_timeout(10000)" // the server may be writing
	if strings.HasPrefix(database, "postgres://") {
		driver, address = "pgx", database
	}
	db, err := sql.Open(driver, address)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), statement); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
