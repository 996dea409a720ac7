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

// put copies files.
func put(t testing.TB, from, to string) {
	t.Helper()
	content, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, content, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestLogOfAnotherDatabase puts a backup beside the log of a server that was killed, as a restore in a hurry does.
// SQLite would apply that log, and make one broken database of two good ones.
func TestLogOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	for name, backup := range map[string]func(t *testing.T, p *harness.Process, database, to string){
		"of a server that had stopped": func(t *testing.T, p *harness.Process, database, to string) {
			if status := p.Terminate(); status != 0 {
				t.Fatalf("exit status %d", status)
			}
			put(t, database, to)
			p.Start()
		},
		"made by SQLite while the server ran": func(t *testing.T, _ *harness.Process, database, to string) {
			harness.Execute(t, database, "VACUUM INTO '"+to+"'")
		},
		"of another server": func(t *testing.T, _ *harness.Process, _, to string) {
			p := harness.StartProcess(t, to)
			p.Terminate()
		},
		"that is gone": func(*testing.T, *harness.Process, string, string) {},
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
				put(t, copied, database)
			}
			log := contentOf(t, database+"-wal")
			refusesStart(t, 1, "parley.db-wal is not the log of", p.Args...)
			if status, printed := runProgram(t, nil, "migrate", "status", "--database", database); status != 1 {
				t.Errorf("migrate status ends with %d:\n%s", status, printed)
			}
			if !slices.Equal(log, contentOf(t, database+"-wal")) {
				t.Error("the log has changed")
			}

			// The message says what to do: with the file that belongs to the log, nothing is lost.
			put(t, kept, database)
			p.Start()
			history := me.AllMessages(room.ID)
			if len(history) != 2 || history[1].ID != said.ID {
				t.Errorf("of two messages there are %+v", history)
			}
		})
	}
}

// TestBackupWithoutTheLog follows the message's other advice.
func TestBackupWithoutTheLog(t *testing.T) {
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
	put(t, copied, database)
	for _, ending := range []string{"-wal", "-shm"} {
		if err := os.Remove(database + ending); err != nil {
			t.Fatal(err)
		}
	}
	p.Start()
	if history := me.AllMessages(room.ID); len(history) != 1 {
		t.Errorf("of one message there are %+v", history)
	}
	me.OpenStream("", "Last-Event-ID", cursor).Expect(models.EventResync, nil)
}

// TestCopiedDataFolder starts on copies of data folders: of a server that was killed, whose log belongs to it, and of
// one that had stopped; with all that lies beside the database, and with the log alone.
func TestCopiedDataFolder(t *testing.T) {
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
				put(t, file, filepath.Join(to, filepath.Base(file)))
			}
			there := harness.StartProcess(t, "", "--data-dir", to)
			me = me.AtServer(there.URL)
			if history := me.AllMessages(room.ID); len(history) != 50 {
				t.Errorf("killed %t, without the mark %t: of 50 messages there are %d", killed, bare, len(history))
			}
			me.OpenStream("", "Last-Event-ID", cursor).Expect(models.EventResync, nil)
		}
	}
}

// TestKilledWhileItStarts kills the program at moments of its start and of its first writes. Each time the next one
// goes on with what was there, and takes it for what it is.
func TestKilledWhileItStarts(t *testing.T) {
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
			t.Fatalf("of %d messages there are %d", i+1, len(history))
		}
	}
	if s := me.OpenStream("", "Last-Event-ID", cursor); !s.Ready.Resumed {
		t.Error("being killed changed the epoch")
	}
}

// TestStartThatFailsLeavesNoMark has starts fail, before and after the database is open. None of them makes the next
// one take the database for a restored one.
func TestStartThatFailsLeavesNoMark(t *testing.T) {
	harness.Long(t)
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
	refusesStart(t, 1, "address already in use", serve(taken)...)
	refusesStart(t, 1, "gs://", serve("127.0.0.1:0", "--files", "gs://bucket")...)
	refusesStart(t, 1, "--nats", serve("127.0.0.1:0", "--nats", "nats://127.0.0.1:1")...)
	obstacle := filepath.Join(data, "parley.db.mark.new") // the mark cannot be written
	if err := os.Mkdir(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	refusesStart(t, 1, "parley.db.mark", serve("127.0.0.1:0")...)
	if err := os.Remove(obstacle); err != nil {
		t.Fatal(err)
	}
	p.Start()
	if s := me.OpenStream("", "Last-Event-ID", cursor); !s.Ready.Resumed {
		t.Error("a start that failed changed the epoch")
	}
}
