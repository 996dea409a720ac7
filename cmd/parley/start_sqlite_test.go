package main

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
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

// TestLogOfAnotherDatabase puts a backup beside the log of a server that was killed, as a restore in a hurry does. SQLite
// would apply that log, and make one broken database of two good ones.
func TestLogOfAnotherDatabase(t *testing.T) {
	t.Parallel()
	for name, backup := range map[string]func(t *testing.T, p *process, database, to string){
		"of a server that had stopped": func(t *testing.T, p *process, database, to string) {
			if status := p.terminate(); status != 0 {
				t.Fatalf("exit status %d", status)
			}
			put(t, database, to)
			p.start()
		},
		"made by SQLite while the server ran": func(t *testing.T, _ *process, database, to string) {
			execute(t, database, "VACUUM INTO '"+to+"'")
		},
		"of another server": func(t *testing.T, _ *process, _, to string) {
			p := startProcess(t, to)
			p.terminate()
		},
		"that is gone": func(*testing.T, *process, string, string) {},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			folder := t.TempDir()
			database, copied := filepath.Join(folder, "parley.db"), filepath.Join(folder, "backup.db")
			p := startProcess(t, database)
			me := newClient(t, p.url).guest("anna")
			room := me.room(models.NewRoom{Name: ptr("room")})
			me.say(room.ID, "in the backup")
			backup(t, p, database, copied)
			said := me.say(room.ID, "after the backup")
			p.kill()
			kept := filepath.Join(folder, "kept.db")
			if err := os.Rename(database, kept); err != nil {
				t.Fatal(err)
			}
			if _, err := os.Stat(copied); err == nil {
				put(t, copied, database)
			}
			log := contentOf(t, database+"-wal")
			refusesStart(t, 1, "parley.db-wal is not the log of", p.args...)
			if status, printed := runProgram(t, nil, "migrate", "status", "--database", database); status != 1 {
				t.Errorf("migrate status ends with %d:\n%s", status, printed)
			}
			if !slices.Equal(log, contentOf(t, database+"-wal")) {
				t.Error("the log has changed")
			}

			// The message says what to do: with the file that belongs to the log, nothing is lost.
			put(t, kept, database)
			p.start()
			history := me.history(room.ID)
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
	p := startProcess(t, database)
	me := newClient(t, p.url).guest("anna")
	room := me.room(models.NewRoom{Name: ptr("room")})
	me.say(room.ID, "in the backup")
	execute(t, database, "VACUUM INTO '"+copied+"'")
	me.say(room.ID, "lost")
	cursor := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	p.kill()
	put(t, copied, database)
	for _, ending := range []string{"-wal", "-shm"} {
		if err := os.Remove(database + ending); err != nil {
			t.Fatal(err)
		}
	}
	p.start()
	if history := me.history(room.ID); len(history) != 1 {
		t.Errorf("of one message there are %+v", history)
	}
	me.open("", "Last-Event-ID", cursor).expect(models.EventResync, nil)
}

// TestCopiedDataFolder starts on copies of data folders: of a server that was killed, whose log belongs to it, and of one
// that had stopped; with all that lies beside the database, and with the log alone.
func TestCopiedDataFolder(t *testing.T) {
	t.Parallel()
	for _, killed := range []bool{true, false} {
		for _, bare := range []bool{true, false} {
			data, to := t.TempDir(), t.TempDir()
			p := startProcess(t, "", "--data-dir", data)
			me := newClient(t, p.url).guest("anna")
			room := me.room(models.NewRoom{Name: ptr("room")})
			for range 50 {
				me.say(room.ID, strings.Repeat("text ", 1000))
			}
			cursor := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
			if killed {
				p.kill()
			} else {
				p.terminate()
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
			there := startProcess(t, "", "--data-dir", to)
			me = me.at(there.url)
			if history := me.history(room.ID); len(history) != 50 {
				t.Errorf("killed %t, without the mark %t: of 50 messages there are %d", killed, bare, len(history))
			}
			me.open("", "Last-Event-ID", cursor).expect(models.EventResync, nil)
		}
	}
}

// TestKilledWhileItStarts kills the program at moments of its start and of its first writes. Each time the next one goes
// on with what was there, and takes it for what it is.
func TestKilledWhileItStarts(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	p := startProcess(t, "", "--data-dir", data)
	me := newClient(t, p.url).guest("anna")
	room := me.room(models.NewRoom{Name: ptr("room")})
	cursor := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	for i := range 12 {
		me.say(room.ID, "text")
		if i%2 == 0 {
			p.kill()
		} else {
			p.terminate()
		}
		for try := range 3 {
			p.launch()
			time.Sleep(time.Duration(5*i+30*try) * time.Millisecond) //nolint:forbidigo // any moment will do
			p.kill()
		}
		p.start()
		if history := me.history(room.ID); len(history) != i+1 {
			t.Fatalf("of %d messages there are %d", i+1, len(history))
		}
	}
	if s := me.open("", "Last-Event-ID", cursor); !s.ready.Resumed {
		t.Error("being killed changed the epoch")
	}
}

// TestStartThatFailsLeavesNoMark has starts fail, before and after the database is open. None of them makes the next one
// take the database for a restored one.
func TestStartThatFailsLeavesNoMark(t *testing.T) {
	long(t)
	t.Parallel()
	data := t.TempDir()
	p := startProcess(t, "", "--data-dir", data)
	me := newClient(t, p.url).guest("anna")
	me.room(models.NewRoom{Name: ptr("room")})
	cursor := me.call("GET", "/v1/rooms", nil).header("Event-Cursor")
	p.terminate()

	busy := startServer(t, t.TempDir()+"/parley.db")
	taken := strings.TrimPrefix(busy.url, "http://")
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
	p.start()
	if s := me.open("", "Last-Event-ID", cursor); !s.ready.Resumed {
		t.Error("a start that failed changed the epoch")
	}
}
