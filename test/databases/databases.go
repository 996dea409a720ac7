// Package databases creates the databases of the tests: SQLite files, and databases of the PostgreSQL that "make test"
// starts. It does not know the store, so that the store's own tests can use it.
package databases

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// PostgresVariable names the variable with the address of a PostgreSQL in which tests may create databases. "make test"
// sets it.
const PostgresVariable = "PARLEY_TEST_POSTGRES"

// OnEachEmpty runs a test on SQLite and on PostgreSQL, each with a database of its own that has no table.
func OnEachEmpty(t *testing.T, f func(t *testing.T, database string)) {
	t.Helper()
	onEach(t, f, EmptySQLite, EmptyPostgres)
}

// onEach runs a test in parallel on the two databases that sqlite and postgres create.
func onEach(t *testing.T, f func(t *testing.T, database string), sqlite, postgres func(testing.TB) string) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(t, sqlite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(t, postgres(t))
	})
}

// EmptySQLite returns the path of a SQLite database that does not exist yet. It is removed at the end of the test.
func EmptySQLite(t testing.TB) string { return filepath.Join(t.TempDir(), "parley.db") }

// EmptyPostgres creates a PostgreSQL database without tables and returns its URL. It is dropped at the end of the test.
// The test is skipped if there is no PostgreSQL; in CI it fails.
func EmptyPostgres(t testing.TB) string {
	t.Helper()
	return createPostgres(t, func(context.Context, *pgx.Conn, string) (string, error) { return "template1", nil })
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

// databaseAt returns the URL of another database on the same server.
func databaseAt(address, name string) string {
	u, err := url.Parse(address)
	if err != nil {
		panic(err)
	}
	u.Path = "/" + name
	return u.String()
}
