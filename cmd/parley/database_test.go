package main

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
)

// testPostgres is the address of a PostgreSQL in which the tests may make databases. "make test" starts one.
const testPostgres = "PARLEY_TEST_POSTGRES"

// onEachDatabase runs a test on SQLite and on PostgreSQL, each with a database of its own: migrated, and without rows.
func onEachDatabase(t *testing.T, f func(t *testing.T, database string)) {
	t.Parallel()
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		f(t, newSQLite(t))
	})
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		f(t, newPostgres(t))
	})
}

// onEachEmptyDatabase is onEachDatabase for tests of the migrations themselves: the databases have no table.
func onEachEmptyDatabase(t *testing.T, f func(t *testing.T, database string)) {
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

// newPostgres makes a migrated PostgreSQL database without rows, which lives as long as the test.
func newPostgres(t testing.TB) string {
	t.Helper()
	return createPostgres(t, migratedPostgres)
}

// createPostgres makes a database as a copy of another one, whose name template returns.
func createPostgres(t testing.TB, template func(_ context.Context, admin *pgx.Conn, address string) (string, error)) string {
	t.Helper()
	address := os.Getenv(testPostgres)
	if address == "" {
		if os.Getenv("CI") == "true" {
			t.Fatal(testPostgres + " is not set: this test needs a PostgreSQL")
		}
		t.Skip(testPostgres + " is not set")
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
	t.Cleanup(func() { dropPostgres(t, address, name) })
	return databaseAt(address, name)
}

// connectTo is a plain connection to a database, past Parley.
func connectTo(t testing.TB, database string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), database)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func dropPostgres(t testing.TB, address, name string) {
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
