package sqlite

import (
	"database/sql"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestLogAndFile holds a log of SQLite's against files: the one that it was written for, as it was at each checkpoint,
// and copies from before.
func TestLogAndFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.db")
	db, err := sql.Open("sqlite", "file:"+path+"?_pragma=journal_mode(WAL)&_pragma=wal_autocheckpoint(0)")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	db.SetMaxOpenConns(1)
	run := func(statement string, args ...any) {
		t.Helper()
		if _, err := db.ExecContext(t.Context(), statement, args...); err != nil {
			t.Fatal(err)
		}
	}
	grow := func() { run("INSERT INTO x VALUES (?)", strings.Repeat("x", 100_000)) }
	check := func(file, why string) {
		t.Helper()
		log, err := readLog(path + logEnding)
		if err != nil || log == nil {
			t.Fatalf("the log is %+v, %v", log, err)
		}
		h, err := readHeader(file)
		if err != nil {
			t.Fatal(err)
		}
		if got := log.foreignTo(h, Mark{}); why == "" && got != "" || !strings.Contains(got, why) {
			t.Errorf("%s: %q, and not %q", filepath.Base(file), got, why)
		}
	}
	copied := func(name string) string {
		content, err := os.ReadFile(path)
		if err == nil {
			err = os.WriteFile(path+name, content, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
		return path + name
	}
	run("CREATE TABLE x (x TEXT)")
	grow()
	check(path, "")
	run("PRAGMA wal_checkpoint(PASSIVE)")
	check(path, "") // all of it is in the file too
	early := copied(".early")
	check(early, "")
	grow() // the log begins anew
	check(path, "")
	check(early, "")
	grow()
	run("PRAGMA wal_checkpoint(PASSIVE)")
	grow()
	check(path, "")
	check(early, "is in neither of them")

	run("PRAGMA user_version = 7")
	check(path, "another file") // SQLite's users are not to change it
	run("PRAGMA wal_checkpoint(TRUNCATE)")
	if log, err := readLog(path + logEnding); log != nil || err != nil {
		t.Errorf("an empty log is %+v, %v", log, err)
	}
	run("PRAGMA user_version = 8")
	run("INSERT INTO x VALUES ('a whole commit')")
	whole, err := os.ReadFile(path + logEnding)
	if err != nil {
		t.Fatal(err)
	}
	grow()
	torn, err := os.ReadFile(path + logEnding)
	if err != nil {
		t.Fatal(err)
	}
	torn[len(torn)-1]++ // as the last commit, of many pages, was not when the power went
	if err := os.WriteFile(path+".torn", torn, 0o600); err != nil {
		t.Fatal(err)
	}
	log, err := readLog(path + ".torn")
	if err != nil || log == nil || !log.runs[8] || len(log.runs) != 1 || len(log.pages) > len(whole)/4096 {
		t.Errorf("of a torn log, %+v is taken, %v", log, err)
	}
}
