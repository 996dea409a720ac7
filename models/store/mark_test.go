package store

import (
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/parley-chat/parley/models"
	"github.com/parley-chat/parley/models/store/internal/sqlite"
)

// TestMarkBrokenOff breaks the writing of the mark off at each of its steps, as a disk that is full and a crash do.
// Each time the next start takes the database for the one that it is; a copy from before the last start is told from it
// still.
func TestMarkBrokenOff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "parley.db")
	open := func() *Store {
		t.Helper()
		s, err := Open(t.Context(), Config{
			Database: path, Retention: time.Hour, Committed: func([]models.LogEntry) {}, Log: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	crash := func(s *Store) { // no mark is left
		t.Helper()
		s.stop()
		s.done.Wait()
		if err := errors.Join(s.closePools(), s.release()); err != nil {
			t.Fatal(err)
		}
	}
	s := open()
	epoch, d := s.Epoch(), s.dialect.(sqlite.Dialect)
	for name, breakOff := range map[string]func() error{
		"before the first step": func() error {
			obstacle := path + sqlite.MarkEnding + ".new" // a folder, which no file replaces
			if err := os.Mkdir(obstacle, 0o700); err != nil {
				return err
			}
			if err := d.LeaveMark(t.Context(), s.writer); err == nil {
				t.Error("the mark could be written")
			}
			return os.Remove(obstacle)
		},
		"after the first step": func() error {
			m, err := d.ReadMark()
			if err != nil {
				return err
			}
			m.Before, m.Current = m.Current, "not in the database"
			return d.WriteMark(m)
		},
		"after the second step": func() error {
			before, err := d.ReadMark()
			if err != nil {
				return err
			}
			if err := d.LeaveMark(t.Context(), s.writer); err != nil {
				return err
			}
			after, err := d.ReadMark()
			after.Before = before.Current
			return errors.Join(err, d.WriteMark(after))
		},
	} {
		if err := breakOff(); err != nil {
			t.Fatal(err)
		}
		crash(s)
		if s = open(); s.Epoch() != epoch {
			t.Errorf("broken off %s, the database is taken for another one", name)
			epoch = s.Epoch()
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	copied, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := open().Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, copied, 0o600); err != nil {
		t.Fatal(err)
	}
	s = open()
	if s.Epoch() == epoch {
		t.Error("a copy from before is taken for the database")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
