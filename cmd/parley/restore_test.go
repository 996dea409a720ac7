package main

import (
	"context"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/parley-chat/parley/models"
)

// TestRestoredDatabaseHasANewEpoch puts a copy of the database in its place, as a restore does, and moves the copy's log
// past the old cursor. The cursor must not be taken for one of the new log: positions mean something else there.
func TestRestoredDatabaseHasANewEpoch(t *testing.T) {
	onEachDatabase(t, func(t *testing.T, database string) {
		s := startServer(t, database)
		owner := newClient(t, s.url).guest("owner")
		room := owner.room(models.NewRoom{Name: ptr("room")})
		owner.say(room.ID, "in the backup")
		s.halt()
		backup := copyDatabase(t, database)

		s = startServer(t, database)
		owner.url = s.url
		owner.say(room.ID, "lost with the disk")
		cursor := owner.call("GET", "/v1/rooms", nil).header("Event-Cursor")
		s.halt()

		s = startServer(t, backup)
		owner.url = s.url
		for range 3 {
			owner.say(room.ID, "after the restore")
		}
		stream := owner.open("", "Last-Event-ID", cursor)
		if stream.lastID != "" {
			t.Error("the ready before a resync has an id: a cut right after it would hide the resync")
		}
		var told models.Resync
		e := stream.expect(models.EventResync, &told)
		if told.Reason != models.ResyncUnknown || e.id == "" {
			t.Errorf("got %v", e)
		}
		owner.call("GET", "/v1/events?after="+cursor, nil, "Accept", "application/json").problem(410, models.CodeExpired)
	})
}

// TestBackupCopiedOverTheFile restores a SQLite database in place, with cp, which leaves the file's number as it was. The
// server was killed before, as is likely where a backup is needed.
func TestBackupCopiedOverTheFile(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "parley.db")
	p := startProcess(t, database)
	owner := newClient(t, p.url).guest("owner")
	owner.room(models.NewRoom{Name: ptr("room")})
	if status := p.terminate(); status != 0 {
		t.Fatalf("exit status %d", status)
	}
	backup, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	p.start()
	owner.room(models.NewRoom{Name: ptr("lost with the disk")})
	cursor := owner.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	p.kill()
	p.start()
	if s := owner.open("", "Last-Event-ID", cursor); !s.ready.Resumed {
		t.Error("a crash alone changed the epoch")
	}
	p.kill()

	for _, leftover := range []string{"-wal", "-shm"} {
		if err := os.Remove(database + leftover); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(database, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	p.start()
	owner.room(models.NewRoom{Name: ptr("after the restore")})
	owner.room(models.NewRoom{Name: ptr("after the restore")})
	owner.open("", "Last-Event-ID", cursor).expect(models.EventResync, nil)
}

// copyDatabase copies a database that nobody has open and answers where the copy is.
func copyDatabase(t *testing.T, database string) string {
	t.Helper()
	if strings.HasPrefix(database, "postgres") {
		return copyPostgres(t, database)
	}
	from, err := os.Open(database)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = from.Close() }()
	to, err := os.Create(database + ".restored")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(to, from); err != nil {
		t.Fatal(err)
	}
	if err := to.Close(); err != nil {
		t.Fatal(err)
	}
	return to.Name()
}

func copyPostgres(t *testing.T, database string) string {
	t.Helper()
	ctx := context.Background()
	admin, err := pgx.Connect(ctx, os.Getenv(testPostgres))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = admin.Close(ctx) }()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	from := strings.TrimPrefix(u.Path, "/")
	if _, err := admin.Exec(ctx, "CREATE DATABASE "+from+"_restored TEMPLATE "+from); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dropPostgres(t, os.Getenv(testPostgres), from+"_restored") })
	u.Path += "_restored"
	return u.String()
}
