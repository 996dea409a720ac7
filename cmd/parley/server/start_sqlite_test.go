package server_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/test/harness"
)

// copyFile copies a file.
func copyFile(t testing.TB, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLogOfAnotherDatabaseIsRefused puts a backup next to the write-ahead log of a server that was killed, which can
// happen in a hurried restore. SQLite would apply that log and so break the database.
func TestLogOfAnotherDatabaseIsRefused(t *testing.T) {
	t.Parallel()
	for name, backup := range map[string]func(t *testing.T, p *harness.Process, database, to string){
		"backup of a stopped server": func(t *testing.T, p *harness.Process, database, to string) {
			if status := p.Terminate(); status != 0 {
				t.Fatalf("exit status %d", status)
			}
			copyFile(t, database, to)
			p.Start()
		},
		"backup made by SQLite while the server ran": func(t *testing.T, _ *harness.Process, database, to string) {
			harness.Execute(t, database, "VACUUM INTO '"+to+"'")
		},
		"database of another server": func(t *testing.T, _ *harness.Process, _, to string) {
			p := harness.StartProcess(t, to)
			p.Terminate()
		},
		"no database": func(*testing.T, *harness.Process, string, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			database, copied := filepath.Join(folder, "parley.db"), filepath.Join(folder, "backup.db")
			p := harness.StartProcess(t, database)
			me := harness.NewClient(t, p.URL).NewGuestNamed("anna")
			room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
			me.SendText(room.ID, "in the backup")
			backup(t, p, database, copied)
			said := me.SendText(room.ID, "after the backup")
			p.Kill()
			kept := filepath.Join(folder, "kept.db")
			if err := os.Rename(database, kept); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(copied); err == nil {
				copyFile(t, copied, database)
			}
			log := contentOf(t, database+"-wal")
			expectFailedStart(t, 1, "parley.db-wal is not the log of", p.Args...)
			if status, printed := runProgram(t, nil, "migrate", "status", "--database", database); status != 1 {
				t.Errorf("migrate status: got exit status %d, want 1:\n%s", status, printed)
			}
			if !slices.Equal(log, contentOf(t, database+"-wal")) {
				t.Error("the log has changed")
			}

			// The message says what to do: with the file that belongs to the log, nothing is lost.
			copyFile(t, kept, database)
			p.Start()
			history := me.AllMessages(room.ID)
			if len(history) != 2 || history[1].ID != said.ID {
				t.Errorf("got %+v, want the two messages", history)
			}
		})
	}
}

// TestBackupStartsWithoutTheOldLog restores a backup and moves the old log away, as the error message advises.
func TestBackupStartsWithoutTheOldLog(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	database, copied := filepath.Join(folder, "parley.db"), filepath.Join(folder, "backup.db")
	p := harness.StartProcess(t, database)
	me := harness.NewClient(t, p.URL).NewGuestNamed("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	me.SendText(room.ID, "in the backup")
	harness.Execute(t, database, "VACUUM INTO '"+copied+"'")
	me.SendText(room.ID, "lost")
	cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	p.Kill()
	copyFile(t, copied, database)
	for _, ending := range []string{"-wal", "-shm"} {
		if err := os.Remove(database + ending); err != nil {
			t.Fatal(err)
		}
	}
	p.Start()
	if history := me.AllMessages(room.ID); len(history) != 1 {
		t.Errorf("got %+v, want one message", history)
	}
	me.OpenStream("", "Last-Event-ID", cursor).Expect(models.EventResync, nil)
}

// TestCopiedDataFolderHasAllMessages starts on copies of data folders: of a killed server, whose log belongs to its
// database, and of a stopped one; with all files of the database, and without the mark.
func TestCopiedDataFolderHasAllMessages(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{true, false} {
		for _, bare := range []bool{true, false} {
			data, to := t.TempDir(), t.TempDir()
			p := harness.StartProcess(t, "", "--data-dir", data)
			me := harness.NewClient(t, p.URL).NewGuestNamed("anna")
			room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
			for range 50 {
				me.SendText(room.ID, strings.Repeat("text ", 1000))
			}
			cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
			if killed {
				p.Kill()
			} else {
				p.Terminate()
			}
			files, err := filepath.Glob(filepath.Join(data, "parley.db*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, file := range files {
				if bare && strings.HasSuffix(file, ".mark") {
					continue
				}
				copyFile(t, file, filepath.Join(to, filepath.Base(file)))
			}
			started := harness.StartProcess(t, "", "--data-dir", to)
			me = me.AtServer(started.URL)
			if history := me.AllMessages(room.ID); len(history) != 50 {
				t.Errorf("killed %t, without the mark %t: got %d messages, want 50", killed, bare, len(history))
			}
			me.OpenStream("", "Last-Event-ID", cursor).Expect(models.EventResync, nil)
		}
	}
}

// TestKilledStartLosesNothing kills the program at different moments of its start and of its first writes. Each time,
// the next start has all messages and keeps the epoch.
func TestKilledStartLosesNothing(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := harness.StartProcess(t, "", "--data-dir", data)
	me := harness.NewClient(t, p.URL).NewGuestNamed("anna")
	room := me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	for i := range 12 {
		me.SendText(room.ID, "text")
		if i%2 == 0 {
			p.Kill()
		} else {
			p.Terminate()
		}
		for try := range 3 {
			p.Launch()
			time.Sleep(time.Duration(5*i+30*try) * time.Millisecond) //nolint:forbidigo // any moment will do
			p.Kill()
		}
		p.Start()
		if history := me.AllMessages(room.ID); len(history) != i+1 {
			t.Fatalf("got %d messages, want %d", len(history), i+1)
		}
	}
	if s := me.OpenStream("", "Last-Event-ID", cursor); !s.Ready.Resumed {
		t.Error("a kill changed the epoch")
	}
}

// TestFailedStartKeepsTheEpoch lets starts fail, before and after the database is open. After that, a start must not
// treat the database as restored from a backup.
func TestFailedStartKeepsTheEpoch(t *testing.T) {
	harness.SkipIfShort(t)
	t.Parallel()
	data := t.TempDir()
	p := harness.StartProcess(t, "", "--data-dir", data)
	me := harness.NewClient(t, p.URL).NewGuestNamed("anna")
	me.CreateRoom(models.NewRoom{Name: harness.Ptr("room")})
	cursor := me.Call("GET", "/v1/rooms", nil).Header("Event-Cursor")
	p.Terminate()

	busy := harness.StartServer(t, t.TempDir()+"/parley.db")
	taken := strings.TrimPrefix(busy.URL, "http://")
	serve := func(address string, flags ...string) []string {
		return append([]string{"serve", "--data-dir", data, "--listen", address, "--lobby", "none"}, flags...)
	}
	expectFailedStart(t, 1, "address already in use", serve(taken)...)
	expectFailedStart(t, 1, "gs://", serve("127.0.0.1:0", "--files", "gs://bucket")...)
	expectFailedStart(t, 1, "--nats", serve("127.0.0.1:0", "--nats", "nats://127.0.0.1:1")...)
	obstacle := filepath.Join(data, "parley.db.mark.new") // the mark cannot be written
	if err := os.Mkdir(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	expectFailedStart(t, 1, "parley.db.mark", serve("127.0.0.1:0")...)
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	p.Start()
	if s := me.OpenStream("", "Last-Event-ID", cursor); !s.Ready.Resumed {
		t.Error("a failed start changed the epoch")
	}
}
