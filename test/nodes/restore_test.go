package nodes

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
	"github.com/parley-chat/parley/test/databases"
	"github.com/parley-chat/parley/test/harness"
)

// TestRestoredDatabaseHasANewEpoch replaces the database by an older copy, as a restore does, and then appends events
// to the copy until its log is longer than the old cursor. The cursor must not be accepted, because its position
// belongs to another event now.
func TestRestoredDatabaseHasANewEpoch(t *testing.T) {
	harness.OnEachDatabase(t, func(t *testing.T, database string) {
		s := harness.StartServer(t, database)
		owner := harness.NewClient(t, s.URL).NewGuestNamed("owner")
		room := owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
		owner.SendText(room.ID, "in the backup")
		s.Stop()
		backup := copyDatabase(t, database)

		s = harness.StartServer(t, database)
		owner.URL = s.URL
		owner.SendText(room.ID, "lost with the disk")
		cursor := owner.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
		s.Stop()

		s = harness.StartServer(t, backup)
		owner.URL = s.URL
		for range 3 {
			owner.SendText(room.ID, "after the restore")
		}
		stream := owner.OpenStream("", "Last-Event-ID", cursor)
		if stream.LastID != "" {
			t.Error("the ready before a resync has an id: a client that disconnects right after it would miss the resync")
		}
		var resync models.Resync
		e := stream.Expect(models.EventResync, &resync)
		if resync.Reason != models.ResyncUnknown || e.ID == "" {
			t.Errorf("got %v, want a resync with an id and the reason %s", e, models.ResyncUnknown)
		}
		owner.Call("GET", "/v1/events/log?after="+cursor, nil).
			ExpectProblem(410, models.CodeExpired)
	})
}

// TestBackupCopiedOverSQLiteFileHasANewEpoch restores a SQLite database in place, like cp, which keeps the inode number
// of the file. The server was killed before, as is likely when a backup is needed.
func TestBackupCopiedOverSQLiteFileHasANewEpoch(t *testing.T) {
	t.Parallel()
	database := filepath.Join(t.TempDir(), "parley.db")
	p := harness.StartProcess(t, database)
	owner := harness.NewClient(t, p.URL).NewGuestNamed("owner")
	owner.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	if status := p.Terminate(); status != 0 {
		t.Fatalf("the exit status is %d, want 0", status)
	}
	backup, err := os.ReadFile(database)
	if err != nil {
		t.Fatal(err)
	}
	p.Start()
	owner.CreateRoom(models.NewRoom{Name: harness.Ptr("lost with the disk")})
	cursor := owner.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	p.Kill()
	p.Start()
	if s := owner.OpenStream("", "Last-Event-ID", cursor); !s.Ready.Resumed {
		t.Error("a crash alone changed the epoch")
	}
	p.Kill()

	for _, leftover := range []string{"-wal", "-shm"} {
		if err := os.Remove(database + leftover); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(database, backup, 0o600); err != nil {
		t.Fatal(err)
	}
	p.Start()
	owner.CreateRoom(models.NewRoom{Name: harness.Ptr("after the restore")})
	owner.CreateRoom(models.NewRoom{Name: harness.Ptr("after the restore")})
	owner.OpenStream("", "Last-Event-ID", cursor).Expect(models.EventResync, nil)
}

// copyDatabase copies a database that no process has open, and returns the address of the copy.
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
	admin, err := pgx.Connect(ctx, os.Getenv(databases.PostgresVariable))
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
	t.Cleanup(func() { databases.DropPostgres(t, os.Getenv(databases.PostgresVariable), from+"_restored") })
	u.Path += "_restored"
	return u.String()
}
